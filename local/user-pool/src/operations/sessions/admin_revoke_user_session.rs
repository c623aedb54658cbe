//! `AdminRevokeUserSession`

use serde::Deserialize;
use serde_json::{Value, json};

use super::find;
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminRevokeUserSession", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    session_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    let sign_in = find(pools, &pool, &user.sub, &input.session_id)?;
    pools.store.revoke_sign_in(&pool.id, &sign_in.sub, &sign_in.origin_jti)?;
    Ok(json!({}))
}
