//! `ConfirmSignUp`

use serde::Deserialize;
use serde_json::{Value, json};

use super::confirmation::post_confirmation;
use crate::UserPools;
use crate::limits::Limited;
use crate::model::user::{CodePurpose, UserStatus};
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::check_secret_hash;
use crate::triggers::event::Metadata;

operation!("ConfirmSignUp", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    client_id: String,
    secret_hash: Option<String>,
    username: String,
    confirmation_code: String,
    #[serde(default)]
    force_alias_creation: bool,
    client_metadata: Option<Metadata>,
    session: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    check_secret_hash(&client, &[&input.username], input.secret_hash.as_deref())?;
    let user = match pools.store.find_user(&pool.id, &input.username) {
        Some(user) => user,
        None if client.hides_user_existence() => return Err(ApiError::wrong_verification_code()),
        None => return Err(ApiError::user_not_found()),
    };
    pools.count_call(&pool.id, &user.sub, Limited::ConfirmSignUp)?;
    if input.force_alias_creation
        && let Some(pending) = user.codes.get(&CodePurpose::SignUp)
        && pending.code.matches(&input.confirmation_code)
        && let Some(value) = user.attribute(&pending.attribute)
    {
        pools.store.release_alias(&pool.id, &pending.attribute, value, &user.sub)?;
    }
    let now = pools.now();
    let (user, attribute) = pools.store.update_user(&pool.id, &user.sub, |user| {
        if user.status != UserStatus::Unconfirmed {
            return Err(ApiError::not_authorized(format!(
                "User cannot be confirmed. Current status is {}",
                user.status.as_str()
            )));
        }
        let pending = user.codes.get(&CodePurpose::SignUp).ok_or_else(ApiError::expired_code)?;
        if pending.expires <= now {
            return Err(ApiError::expired_code());
        }
        if !pending.code.matches(&input.confirmation_code) {
            return Err(ApiError::wrong_verification_code());
        }
        let attribute = pending.attribute.clone();
        user.codes.remove(&CodePurpose::SignUp);
        user.set_verified(&attribute, true);
        user.status = UserStatus::Confirmed;
        user.modified = now;
        Ok((user.clone(), attribute))
    })?;
    let metadata = input.client_metadata.as_ref();
    post_confirmation(pools, &pool, &client.id, &user, "ConfirmSignUp", metadata).await?;
    let begun = input.session.as_deref();
    let session = pools.confirm_sign_up(&pool, &client, &user.sub, begun, &attribute)?;
    Ok(json!({"Session": session}))
}
