//! `DeleteUserPool`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("DeleteUserPool", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let protection = pool.settings.other.get("DeletionProtection").and_then(Value::as_str);
    if protection == Some("ACTIVE") {
        return Err(ApiError::invalid_parameter(
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.",
        ));
    }
    pools.store.delete_pool(&pool.id)?;
    pools.forget_keys(&pool.id);
    Ok(json!({}))
}
