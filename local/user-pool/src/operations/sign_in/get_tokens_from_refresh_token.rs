//! `GetTokensFromRefreshToken`: what `REFRESH_TOKEN_AUTH` does, as an operation of its own. Amplify
//! v6 refreshes by it. A client that rotates gets a new refresh token each time.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::Refresh;
use crate::triggers::event::Metadata;

operation!("GetTokensFromRefreshToken", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    refresh_token: String,
    client_id: String,
    client_secret: Option<String>,
    device_key: Option<String>,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    let refresh = Refresh {
        pool: &pool,
        client: &client,
        token: &input.refresh_token,
        device_key: input.device_key.as_deref(),
        metadata: input.client_metadata.as_ref(),
    };
    let is_client = |_: &_| match (&client.secret, &input.client_secret) {
        (None, None) => Ok(()),
        (Some(secret), Some(given)) if secret.matches(given) => Ok(()),
        _ => Err(ApiError::not_authorized("Unable to verify client credentials")),
    };
    let result = refresh.run(pools, is_client).await?;
    Ok(json!({ "AuthenticationResult": result }))
}
