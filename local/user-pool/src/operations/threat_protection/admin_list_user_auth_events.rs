//! `AdminListUserAuthEvents`: sign-ins only, newest first.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::check_add_on;
use crate::UserPools;
use crate::model::auth_event::AuthEvent;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminListUserAuthEvents", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    check_add_on(&pool)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    let last = input.next_token.as_deref().map(parse).transpose()?;
    let events = pools.store.auth_events(&pool.id, &user.sub);
    let mut rest = events
        .iter()
        .filter(|event| last.is_none_or(|(id, created)| (event.created, event.id.as_str()) < (created, id)));
    let limit = input.max_results.filter(|limit| *limit > 0).unwrap_or(60);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(page.last()).map(|event| token(event));
    let described: Vec<_> = page.iter().map(|event| event.describe()).collect();
    Ok(json!({"AuthEvents": described, "NextToken": next}))
}

/// `<event id>#<time>` of the last event of a page.
fn token(event: &AuthEvent) -> String {
    format!("{}#{}", event.id, event.created)
}

fn parse(token: &str) -> Result<(&str, Timestamp), ApiError> {
    let parts = token.split_once('#');
    parts
        .and_then(|(id, created)| Some((id, created.parse().ok()?)))
        .ok_or_else(|| ApiError::invalid_parameter("Invalid pagination token"))
}
