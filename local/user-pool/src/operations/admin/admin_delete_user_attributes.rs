//! `AdminDeleteUserAttributes`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::operations::profile::delete_attributes;
use crate::protocol::error::ApiError;

operation!("AdminDeleteUserAttributes", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    user_attribute_names: Vec<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    delete_attributes(pools, &pool, &user.sub, &input.user_attribute_names)?;
    Ok(json!({}))
}
