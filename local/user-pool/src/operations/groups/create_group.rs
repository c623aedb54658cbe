//! `CreateGroup`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::group::Group;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("CreateGroup", run);

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
    let now = pools.now();
    let group = Group {
        name: input.group_name,
        pool_id: input.user_pool_id,
        description: input.description,
        role_arn: input.role_arn,
        precedence: input.precedence,
        created: now,
        modified: now,
    };
    let described = group.describe();
    pools.store.put_group(group, true)?;
    Ok(json!({"Group": described}))
}
