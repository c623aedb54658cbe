//! `AdminListGroupsForUser`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::operations::page::page;
use crate::protocol::error::ApiError;

operation!("AdminListGroupsForUser", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    let groups = pools.store.groups(&input.user_pool_id)?;
    let own = groups.into_iter().filter(|group| user.groups.contains(&group.name));
    let limit = input.limit.unwrap_or(60).min(60);
    let (groups, next) = page(own, |group| &group.name, limit, input.next_token.as_deref())?;
    let groups: Vec<_> = groups.iter().map(|group| group.describe()).collect();
    Ok(json!({"Groups": groups, "NextToken": next}))
}
