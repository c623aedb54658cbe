//! `GetGroup`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetGroup", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    group_name: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let group = pools.store.group(&input.user_pool_id, &input.group_name)?;
    Ok(json!({"Group": group.describe()}))
}
