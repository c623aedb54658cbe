//! Tracked sessions (cognito.md §3.12).

mod admin_list_user_sessions;
mod admin_revoke_user_session;
mod get_user_pool_client_session_configuration;
mod get_user_pool_session_configuration;
mod list_user_sessions;
mod revoke_user_session;
mod set_user_pool_client_session_configuration;
mod set_user_pool_session_configuration;

use std::sync::Arc;

use serde_json::{Value, json};

use super::Operation;
use crate::UserPools;
use crate::model::pool::Pool;
use crate::model::session::Tracking;
use crate::model::sign_in::SignIn;
use crate::protocol::error::{ApiError, ErrorCode};

pub(super) const OPERATIONS: &[Operation] = &[
    admin_list_user_sessions::OPERATION,
    admin_revoke_user_session::OPERATION,
    get_user_pool_client_session_configuration::OPERATION,
    get_user_pool_session_configuration::OPERATION,
    list_user_sessions::OPERATION,
    revoke_user_session::OPERATION,
    set_user_pool_client_session_configuration::OPERATION,
    set_user_pool_session_configuration::OPERATION,
];

/// All sessions in one page, as the administrator's list. `caller`: the `origin_jti` of the caller's token.
fn list(pools: &UserPools, pool: &Pool, sub: &str, caller: Option<&str>) -> Result<Value, ApiError> {
    check_tracked(pool)?;
    let sign_ins = pools.store.sign_ins(&pool.id, sub, pools.now());
    let sessions: Vec<_> =
        sign_ins.iter().filter_map(|sign_in| sign_in.describe_session(caller)).take(125).collect();
    Ok(json!({ "Sessions": sessions }))
}

fn find(pools: &UserPools, pool: &Pool, sub: &str, id: &str) -> Result<Arc<SignIn>, ApiError> {
    check_tracked(pool)?;
    let sign_ins = pools.store.sign_ins(&pool.id, sub, pools.now());
    let is_wanted = |sign_in: &Arc<SignIn>| sign_in.session.as_ref().is_some_and(|session| session.id == id);
    let found = sign_ins.into_iter().find(is_wanted);
    found.ok_or_else(|| ApiError::new(ErrorCode::ResourceNotFound, "The session does not exist."))
}

fn check_tracked(pool: &Pool) -> Result<(), ApiError> {
    if pool.sessions.user_session_tracking == Tracking::Enabled {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::OperationNotEnabled,
        "User session tracking is not enabled for this user pool.",
    ))
}

/// Essentials or Plus.
fn check_tier(pool: &Pool) -> Result<(), ApiError> {
    if pool.settings.user_pool_tier == "LITE" {
        return Err(ApiError::new(
            ErrorCode::FeatureUnavailableInTier,
            "User session tracking is not available in the Lite tier.",
        ));
    }
    Ok(())
}
