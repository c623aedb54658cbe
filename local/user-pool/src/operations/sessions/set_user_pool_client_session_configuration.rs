//! `SetUserPoolClientSessionConfiguration`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{check_tier, check_tracked};
use crate::UserPools;
use crate::model::client::Client;
use crate::model::session::SsoSession;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("SetUserPoolClientSessionConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: String,
    #[serde(rename = "SSOSession")]
    sso_session: SsoSession,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client_of(&input.user_pool_id, &input.client_id)?;
    check_tier(&pool)?;
    check_tracked(&pool)?;
    let client = Client { sso_session: input.sso_session, ..Client::clone(&client) };
    pools.store.put_client(client)?;
    Ok(json!({"UserPoolId": pool.id, "ClientId": input.client_id, "SSOSession": input.sso_session}))
}
