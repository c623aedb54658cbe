//! `AdminUserGlobalSignOut`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminUserGlobalSignOut", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    pools.store.revoke_all_sign_ins(&input.user_pool_id, &user.sub)?;
    Ok(json!({}))
}
