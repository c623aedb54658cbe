//! `UpdateGroup`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::group::Group;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("UpdateGroup", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    group_name: String,
    description: Option<String>,
    role_arn: Option<String>,
    precedence: Option<i64>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let mut group = Group::clone(&*pools.store.group(&input.user_pool_id, &input.group_name)?);
    group.description = input.description.or(group.description);
    group.role_arn = input.role_arn.or(group.role_arn);
    group.precedence = input.precedence.or(group.precedence);
    group.modified = pools.now();
    let described = group.describe();
    pools.store.put_group(group, false)?;
    Ok(json!({"Group": described}))
}
