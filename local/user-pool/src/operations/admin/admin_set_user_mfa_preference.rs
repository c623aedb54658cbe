//! `AdminSetUserMFAPreference`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::mfa::preference::{Blocks, apply};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminSetUserMFAPreference", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    #[serde(flatten)]
    blocks: Blocks,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    pools.store.update_user(&pool.id, &user.sub, |user| apply(&pool, user, input.blocks))?;
    Ok(json!({}))
}
