//! `GetDevice`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::devices::no_device;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetDevice", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    device_key: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let user = &bearer.user;
    let device = user.devices.get(&input.device_key).ok_or_else(no_device)?;
    Ok(json!({"Device": device.describe()}))
}
