//! `AdminUpdateDeviceStatus`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::devices::no_device;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminUpdateDeviceStatus", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    device_key: String,
    device_remembered_status: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    let now = pools.now();
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| {
        let device = user.devices.get_mut(&input.device_key).ok_or_else(no_device)?;
        if let Some(status) = &input.device_remembered_status {
            device.remembered = status == "remembered";
            device.modified = now;
        }
        Ok(())
    })?;
    Ok(json!({}))
}
