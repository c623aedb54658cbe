//! `ListUserSessions`, of every client.

use serde::Deserialize;
use serde_json::Value;

use super::list;
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("ListUserSessions", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    list(pools, &bearer.pool, &bearer.user.sub, Some(&bearer.origin_jti))
}
