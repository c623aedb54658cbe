//! `AdminListUserSessions`

use serde::Deserialize;
use serde_json::Value;

use super::list;
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminListUserSessions", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    list(pools, &pool, &user.sub, None)
}
