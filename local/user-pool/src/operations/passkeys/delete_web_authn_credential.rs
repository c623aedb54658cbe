//! `DeleteWebAuthnCredential`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::{ApiError, ErrorCode};

operation!("DeleteWebAuthnCredential", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    credential_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| {
        let before = user.passkeys.len();
        user.passkeys.retain(|passkey| passkey.id != input.credential_id);
        if user.passkeys.len() == before {
            return Err(ApiError::new(ErrorCode::ResourceNotFound, "The passkey does not exist."));
        }
        Ok(())
    })?;
    Ok(json!({}))
}
