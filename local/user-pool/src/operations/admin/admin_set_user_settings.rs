//! `AdminSetUserSettings`: the deprecated way to SMS MFA.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::mfa::legacy_settings::{MfaOption, apply};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminSetUserSettings", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    #[serde(rename = "MFAOptions")]
    mfa_options: Vec<MfaOption>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| apply(user, &input.mfa_options))?;
    Ok(json!({}))
}
