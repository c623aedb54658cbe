//! `RevokeToken`: a refresh token and every access token of its sign-in.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::tokens::refresh::Presented;

operation!("RevokeToken", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    token: String,
    client_id: String,
    client_secret: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    let authentic = match (&client.secret, &input.client_secret) {
        (None, None) => true,
        (Some(secret), Some(given)) => secret.matches(given),
        _ => false,
    };
    if !authentic {
        return Err(ApiError::new(ErrorCode::Unauthorized, "Unable to verify client credentials"));
    }
    if client.settings.enable_token_revocation == Some(false) {
        return Err(ApiError::new(
            ErrorCode::UnsupportedOperation,
            "Token revocation is not enabled for this client.",
        ));
    }
    // A JWT: an access or ID token.
    if input.token.split('.').count() == 3 {
        return Err(ApiError::new(ErrorCode::UnsupportedTokenType, "Unsupported token type"));
    }
    // A token that isn't valid needs no revoking (RFC 7009 §2.2).
    if let Ok(Presented { sign_in, .. }) = pools.refreshed_sign_in(&pool.id, &input.token)
        && sign_in.client_id == client.id
    {
        pools.store.revoke_sign_in(&pool.id, &sign_in.sub, &sign_in.origin_jti)?;
    }
    Ok(json!({}))
}
