//! `SetUserPoolSessionConfiguration`, replaced as a whole. Fewer sessions evict none before the next sign-in.

use serde::Deserialize;
use serde_json::{Value, json};

use super::check_tier;
use crate::UserPools;
use crate::model::session::SessionConfiguration;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("SetUserPoolSessionConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    #[serde(flatten)]
    configuration: SessionConfiguration,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let Input { user_pool_id, configuration } = input;
    pools.store.update_pool(&user_pool_id, |pool| {
        check_tier(pool)?;
        pool.sessions = configuration;
        Ok(())
    })?;
    Ok(json!({
        "UserPoolId": user_pool_id,
        "UserSessionTracking": configuration.user_session_tracking,
        "TokenSession": configuration.token_session,
    }))
}
