//! `RevokeUserSession`: ends any session of the user except the caller's.

use serde::Deserialize;
use serde_json::{Value, json};

use super::find;
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("RevokeUserSession", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    session_id: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let sign_in = find(pools, &bearer.pool, &bearer.user.sub, &input.session_id)?;
    if sign_in.origin_jti == bearer.origin_jti {
        return Err(ApiError::invalid_parameter("The current session can't be revoked."));
    }
    pools.store.revoke_sign_in(&bearer.pool.id, &sign_in.sub, &sign_in.origin_jti)?;
    Ok(json!({}))
}
