//! `AdminDeleteSoftwareToken`: the authenticator is gone, and with it TOTP.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::Factor;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::protocol::error::ErrorCode;

operation!("AdminDeleteSoftwareToken", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| {
        if user.software_token.take().is_none() {
            return Err(ApiError::new(
                ErrorCode::ResourceNotFound,
                "Software Token MFA does not exist for the user.",
            ));
        }
        user.mfa.enabled.remove(&Factor::SoftwareToken);
        if user.mfa.preferred == Some(Factor::SoftwareToken) {
            user.mfa.preferred = None;
        }
        Ok(())
    })?;
    Ok(json!({}))
}
