//! `DeleteGroup`: its members lose it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("DeleteGroup", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    group_name: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    pools.store.delete_group(&input.user_pool_id, &input.group_name)?;
    Ok(json!({}))
}
