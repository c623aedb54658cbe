//! `SetUserSettings`: the deprecated way to SMS MFA.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::mfa::legacy_settings::{MfaOption, apply};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("SetUserSettings", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    #[serde(rename = "MFAOptions")]
    mfa_options: Vec<MfaOption>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| apply(user, &input.mfa_options))?;
    Ok(json!({}))
}
