//! `GetUserPoolClientSessionConfiguration`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetUserPoolClientSessionConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client_of(&input.user_pool_id, &input.client_id)?;
    Ok(json!({"UserPoolId": pool.id, "ClientId": client.id, "SSOSession": client.sso_session}))
}
