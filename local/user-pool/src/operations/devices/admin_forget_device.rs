//! `AdminForgetDevice`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::devices::no_device;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminForgetDevice", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    device_key: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| {
        user.devices.remove(&input.device_key).map(drop).ok_or_else(no_device)
    })?;
    Ok(json!({}))
}
