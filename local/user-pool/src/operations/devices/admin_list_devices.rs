//! `AdminListDevices`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::device::Device;
use crate::operations::operation;
use crate::operations::page::page;
use crate::protocol::error::ApiError;

operation!("AdminListDevices", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    limit: Option<usize>,
    pagination_token: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    let limit = input.limit.unwrap_or(60).min(60);
    let token = input.pagination_token.as_deref();
    let (devices, next) = page(user.devices.values(), |device| &device.key, limit, token)?;
    let devices: Vec<_> = devices.into_iter().map(Device::describe).collect();
    Ok(json!({"Devices": devices, "PaginationToken": next}))
}
