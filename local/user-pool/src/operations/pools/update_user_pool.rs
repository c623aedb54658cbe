//! `UpdateUserPool`: every setting that isn't sent goes back to its default.

use serde_json::{Value, json};

use super::set_user_pool_mfa_config::mfa_with_sms;
use super::settings::{Input, ask_for_key};
use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("UpdateUserPool", run);

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let parts = input.parts()?;
    let id = parts.pool_id.ok_or_else(|| ApiError::missing("UserPoolId"))?;
    pools.store.update_pool(&id, |pool| {
        pool.mfa = mfa_with_sms(pool.mfa.clone(), parts.mfa, &parts.settings)?;
        ask_for_key(pools, &pool.id, &parts.settings);
        pool.settings = parts.settings;
        if let Some(name) = parts.pool_name {
            pool.name = name;
        }
        pool.modified = pools.now();
        Ok(())
    })?;
    Ok(json!({}))
}
