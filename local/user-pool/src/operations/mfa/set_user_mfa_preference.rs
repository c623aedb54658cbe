//! `SetUserMFAPreference`

use serde::Deserialize;
use serde_json::{Value, json};

use super::preference::{Blocks, apply};
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("SetUserMFAPreference", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    #[serde(flatten)]
    blocks: Blocks,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    pools
        .store
        .update_user(&bearer.pool.id, &bearer.user.sub, |user| apply(&bearer.pool, user, input.blocks))?;
    Ok(json!({}))
}
