//! `AdminRespondToAuthChallenge`

use serde::Deserialize;
use serde_json::Value;

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::{Answers, Response, respond};
use crate::triggers::event::Metadata;

operation!("AdminRespondToAuthChallenge", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: String,
    challenge_name: String,
    session: Option<String>,
    #[serde(default)]
    challenge_responses: Metadata,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client_of(&input.user_pool_id, &input.client_id)?;
    let response = Response {
        pool,
        client,
        challenge: input.challenge_name,
        session: input.session,
        answers: Answers(input.challenge_responses),
        metadata: input.client_metadata,
    };
    Ok(respond(pools, response).await?.into_output())
}
