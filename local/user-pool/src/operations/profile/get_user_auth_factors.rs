//! `GetUserAuthFactors`

use serde::Deserialize;
use serde_json::Value;

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetUserAuthFactors", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    Ok(bearer.user.describe_auth_factors(&bearer.pool))
}
