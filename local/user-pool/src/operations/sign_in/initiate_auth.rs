//! `InitiateAuth`

use serde::Deserialize;
use serde_json::Value;

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::{Initiation, initiate};
use crate::triggers::event::Metadata;

operation!("InitiateAuth", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    client_id: String,
    auth_flow: String,
    #[serde(default)]
    auth_parameters: Metadata,
    client_metadata: Option<Metadata>,
    session: Option<String>,
    user_context_data: Option<UserContextData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserContextData {
    ip_address: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    let context = input.user_context_data.filter(|_| client.may_tell_addresses());
    let initiation = Initiation {
        pool,
        client,
        flow: input.auth_flow,
        parameters: input.auth_parameters,
        metadata: input.client_metadata,
        session: input.session,
        by_administrator: false,
        address: context.and_then(|context| context.ip_address),
    };
    Ok(initiate(pools, initiation).await?.into_output())
}
