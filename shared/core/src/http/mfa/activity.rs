use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{Answer, time};
use crate::{
    audit::AuditLine,
    factors::{ActivityService, SignedIn},
    http::Problem,
    kernel::{PoolFactor, Refusal},
};

const PAGE: usize = 20;
const LONGEST_PAGE: usize = 100;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ActivityLine {
    id: String,
    #[cfg_attr(test, schema(format = DateTime))]
    at: String,
    /// For example `totp-started` or `preference-changed`. Later versions may add new values.
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<PoolFactor>,
}

impl From<AuditLine> for ActivityLine {
    fn from(line: AuditLine) -> Self {
        Self { id: line.id.to_string(), at: time(line.at), action: line.action, factor: line.factor }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ActivityPage {
    lines: Vec<ActivityLine>,
    /// Pass it as `before` to get the next page. Absent on the last page.
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams))]
#[cfg_attr(test, into_params(parameter_in = Query))]
pub(super) struct PageQuery {
    /// The maximum number of lines.
    #[cfg_attr(test, param(minimum = 1, maximum = 100))]
    limit: Option<usize>,
    /// The `next` of the previous page.
    #[cfg_attr(test, param(value_type = Option<String>, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    before: Option<uuid::Uuid>,
}

/// Returns the changes of the user's factors, newest first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/activity", operation_id = "listActivity", params(PageQuery),
    responses((status = 200, description = "A page of the activity", body = ActivityPage))
))]
pub(super) async fn list(
    State(activity): State<Arc<ActivityService>>,
    caller: SignedIn,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<ActivityPage> {
    let Query(PageQuery { limit, before }) = query.map_err(|_| Problem::new(Refusal::QueryNotValid))?;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Refusal::QueryNotValid.into());
    }
    let (lines, next) = activity.page(&caller, before, limit).await?;
    let lines = lines.into_iter().map(ActivityLine::from).collect();
    Ok(Json(ActivityPage { lines, next: next.map(|id| id.to_string()) }))
}
