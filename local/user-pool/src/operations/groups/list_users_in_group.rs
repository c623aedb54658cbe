//! `ListUsersInGroup`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::operations::page::page;
use crate::protocol::error::ApiError;

operation!("ListUsersInGroup", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    group_name: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    pools.store.group(&input.user_pool_id, &input.group_name)?;
    let users = pools.store.users(&input.user_pool_id)?;
    let members = users.into_iter().filter(|user| user.groups.contains(&input.group_name));
    let limit = input.limit.unwrap_or(60).min(60);
    let (members, next) = page(members, |user| &user.sub, limit, input.next_token.as_deref())?;
    let members: Vec<_> = members.iter().map(|user| user.describe()).collect();
    Ok(json!({"Users": members, "NextToken": next}))
}
