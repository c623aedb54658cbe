//! `AdminAddUserToGroup`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminAddUserToGroup", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    group_name: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    pools.store.group(&input.user_pool_id, &input.group_name)?;
    pools.store.update_user(&input.user_pool_id, &user.sub, |user| {
        user.groups.insert(input.group_name);
        Ok(())
    })?;
    Ok(json!({}))
}
