//! `AdminInitiateAuth`

use serde::Deserialize;
use serde_json::Value;

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::{Initiation, initiate};
use crate::triggers::event::Metadata;

operation!("AdminInitiateAuth", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: String,
    auth_flow: String,
    #[serde(default)]
    auth_parameters: Metadata,
    client_metadata: Option<Metadata>,
    session: Option<String>,
    context_data: Option<ContextData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextData {
    ip_address: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client_of(&input.user_pool_id, &input.client_id)?;
    let initiation = Initiation {
        pool,
        client,
        flow: input.auth_flow,
        parameters: input.auth_parameters,
        metadata: input.client_metadata,
        session: input.session,
        by_administrator: true,
        address: input.context_data.map(|context| context.ip_address),
    };
    Ok(initiate(pools, initiation).await?.into_output())
}
