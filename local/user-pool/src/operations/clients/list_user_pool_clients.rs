//! `ListUserPoolClients`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::operations::page::page;
use crate::protocol::error::ApiError;

operation!("ListUserPoolClients", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let clients = pools.store.clients(&input.user_pool_id)?;
    let limit = input.max_results.unwrap_or(60);
    let (clients, next) = page(clients, |client| &client.id, limit, input.next_token.as_deref())?;
    let clients: Vec<_> = clients
        .iter()
        .map(|client| {
            json!({
                "ClientId": client.id,
                "UserPoolId": client.pool_id,
                "ClientName": client.settings.client_name,
            })
        })
        .collect();
    Ok(json!({"UserPoolClients": clients, "NextToken": next}))
}
