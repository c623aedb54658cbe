//! `CompleteWebAuthnRegistration`: verifies the browser's credential and stores the passkey.

use serde::Deserialize;
use serde_json::{Value, json};

use super::MOST;
use crate::UserPools;
use crate::operations::operation;
use crate::passkeys::{Registrant, RelyingParty};
use crate::protocol::error::{ApiError, ErrorCode};

operation!("CompleteWebAuthnRegistration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    credential: Value,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let relying_party = RelyingParty::of(&bearer.pool)?;
    let registrant = Registrant { pool: &bearer.pool.id, client: &bearer.client.id, user: &bearer.user };
    let now = pools.now();
    let passkey =
        pools.passkey_registrations.complete(&relying_party, &registrant, &input.credential, now)?;
    let pool = &bearer.pool.id;
    // An id names one passkey of one user.
    let users = pools.store.users(pool)?;
    if users.iter().any(|user| user.passkeys.iter().any(|known| known.id == passkey.id)) {
        return Err(ApiError::invalid_parameter("Credential data is not valid"));
    }
    pools.store.update_user(pool, &bearer.user.sub, |user| {
        if user.passkeys.len() >= MOST {
            return Err(ApiError::new(ErrorCode::LimitExceeded, "The user has as many passkeys as allowed."));
        }
        user.passkeys.push(passkey);
        Ok(())
    })?;
    Ok(json!({}))
}
