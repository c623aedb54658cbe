//! `ConfirmForgotPassword`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::limits::Limited;
use crate::model::user::{CodePurpose, UserStatus};
use crate::operations::operation;
use crate::operations::registration::post_confirmation;
use crate::password;
use crate::protocol::error::ApiError;
use crate::protocol::error::ErrorCode;
use crate::sign_in::check_secret_hash;
use crate::triggers::event::Metadata;

operation!("ConfirmForgotPassword", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    client_id: String,
    secret_hash: Option<String>,
    username: String,
    confirmation_code: String,
    password: String,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    check_secret_hash(&client, &[&input.username], input.secret_hash.as_deref())?;
    password::check_policy(&pool.settings.policies.password_policy, &input.password)?;
    let user = match pools.store.find_user(&pool.id, &input.username) {
        Some(user) => user,
        None if client.hides_user_existence() => return Err(ApiError::wrong_verification_code()),
        None => {
            return Err(ApiError::new(
                ErrorCode::UserNotFound,
                "Username/client id combination not found.",
            ));
        }
    };
    pools.count_call(&pool.id, &user.sub, Limited::ForgotPassword)?;
    let now = pools.now();
    let user = pools.store.update_user(&pool.id, &user.sub, |user| {
        let pending = user
            .codes
            .get(&CodePurpose::ForgotPassword)
            .ok_or_else(ApiError::expired_code)?;
        if pending.expires <= now {
            return Err(ApiError::expired_code());
        }
        if !pending.code.matches(&input.confirmation_code) {
            return Err(ApiError::wrong_verification_code());
        }
        if user.status == UserStatus::Unconfirmed {
            return Err(ApiError::user_not_confirmed());
        }
        let attribute = pending.attribute.clone();
        password::set(&pool, user, &input.password)?;
        user.codes.remove(&CodePurpose::ForgotPassword);
        user.set_verified(&attribute, true);
        user.status = UserStatus::Confirmed;
        user.modified = now;
        Ok(user.clone())
    })?;
    let metadata = input.client_metadata.as_ref();
    post_confirmation(pools, &pool, &client.id, &user, "ConfirmForgotPassword", metadata).await?;
    Ok(json!({}))
}
