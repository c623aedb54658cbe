//! `AdminResetUserPassword`: the old password ends, a code goes out.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::UserStatus;
use crate::operations::operation;
use crate::operations::recovery::{recovery_attribute, send_reset_code};
use crate::protocol::error::ApiError;
use crate::triggers::event::{Metadata, NO_CLIENT};

operation!("AdminResetUserPassword", run);

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
    let attribute = recovery_attribute(&pool, &user)?;
    pools.store.update_user(&pool.id, &user.sub, |user| {
        user.status = UserStatus::ResetRequired;
        user.modified = pools.now();
        Ok(())
    })?;
    let metadata = input.client_metadata.as_ref();
    send_reset_code(pools, &pool, NO_CLIENT, &user.sub, attribute, metadata).await?;
    Ok(json!({}))
}
