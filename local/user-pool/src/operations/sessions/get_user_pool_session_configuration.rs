//! `GetUserPoolSessionConfiguration`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetUserPoolSessionConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    Ok(json!({
        "UserPoolId": pool.id,
        "UserSessionTracking": pool.sessions.user_session_tracking,
        "TokenSession": pool.sessions.token_session,
    }))
}
