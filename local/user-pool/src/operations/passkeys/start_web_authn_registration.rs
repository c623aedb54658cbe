//! `StartWebAuthnRegistration`: what the browser needs to make a passkey.

use serde::Deserialize;
use serde_json::{Value, json};

use super::MOST;
use crate::UserPools;
use crate::operations::operation;
use crate::passkeys::{Registrant, RelyingParty};
use crate::protocol::error::{ApiError, ErrorCode};

operation!("StartWebAuthnRegistration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let relying_party = RelyingParty::of(&bearer.pool)?;
    if bearer.user.passkeys.len() >= MOST {
        return Err(ApiError::new(ErrorCode::LimitExceeded, "The user has as many passkeys as allowed."));
    }
    let registrant = Registrant { pool: &bearer.pool.id, client: &bearer.client.id, user: &bearer.user };
    let options = pools.passkey_registrations.start(&relying_party, &registrant, pools.now())?;
    Ok(json!({"CredentialCreationOptions": options}))
}
