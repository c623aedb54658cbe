//! `AdminConfirmSignUp`: confirms without a code; no address is verified by it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::{CodePurpose, UserStatus};
use crate::operations::operation;
use crate::operations::registration::post_confirmation;
use crate::protocol::error::ApiError;
use crate::triggers::event::{Metadata, NO_CLIENT};

operation!("AdminConfirmSignUp", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    let user = pools.store.update_user(&pool.id, &user.sub, |user| {
        if user.status != UserStatus::Unconfirmed {
            return Err(ApiError::not_authorized(format!(
                "User cannot be confirmed. Current status is {}",
                user.status.as_str()
            )));
        }
        user.status = UserStatus::Confirmed;
        user.codes.remove(&CodePurpose::SignUp);
        user.modified = pools.now();
        Ok(user.clone())
    })?;
    let metadata = input.client_metadata.as_ref();
    post_confirmation(pools, &pool, NO_CLIENT, &user, "ConfirmSignUp", metadata).await?;
    Ok(json!({}))
}
