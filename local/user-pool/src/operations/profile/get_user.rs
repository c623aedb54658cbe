//! `GetUser`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("GetUser", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.bearer(&input.access_token).await?.user;
    Ok(json!({
        "Username": user.username,
        "UserAttributes": user.attribute_list(),
        "MFAOptions": user.mfa_options(),
        "PreferredMfaSetting": user.mfa.preferred,
        "UserMFASettingList": user.mfa_setting_list(),
    }))
}
