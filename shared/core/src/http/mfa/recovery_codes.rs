use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

use super::Answer;
use crate::{
    factors::{
        SignedIn,
        custom::{CustomFactorService, CustomFactors},
    },
    http::{
        Problem,
        body::{Body, EmptyBody},
    },
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct RecoveryCodesView {
    left: usize,
}

impl RecoveryCodesView {
    pub(super) fn of(factors: &CustomFactors) -> Self {
        Self { left: factors.recovery_codes_left() }
    }
}

/// Returns the number of unused recovery codes.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/recovery-codes", operation_id = "countRecoveryCodes",
    responses((status = 200, description = "The number of unused codes", body = RecoveryCodesView))
))]
pub(super) async fn left(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<RecoveryCodesView> {
    Ok(Json(RecoveryCodesView::of(&custom.factors(&caller).await?)))
}

/// Shown only once.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct NewCodes {
    codes: Vec<String>,
    /// The codes as a page to print.
    text: String,
}

/// Creates new recovery codes. They replace the earlier ones.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/recovery-codes", operation_id = "replaceRecoveryCodes",
    request_body = Option<EmptyBody>,
    responses((status = 201, description = "The codes. They are shown only once", body = NewCodes))
))]
pub(super) async fn replace(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    _: Body<EmptyBody>,
) -> Result<(StatusCode, Json<NewCodes>), Problem> {
    let codes = custom.replace_recovery_codes(&caller).await?;
    let answer = NewCodes {
        codes: codes.readable().map(|code| code.to_string()).collect(),
        text: codes.printable().to_string(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}
