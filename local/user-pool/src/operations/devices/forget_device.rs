//! `ForgetDevice`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::devices::no_device;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("ForgetDevice", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    device_key: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let user = &bearer.user;
    pools.store.update_user(&bearer.pool.id, &user.sub, |user| {
        user.devices.remove(&input.device_key).map(drop).ok_or_else(no_device)
    })?;
    Ok(json!({}))
}
