//! `AdminGetDevice`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::devices::no_device;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminGetDevice", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    device_key: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    let device = user.devices.get(&input.device_key).ok_or_else(no_device)?;
    Ok(json!({"Device": device.describe()}))
}
