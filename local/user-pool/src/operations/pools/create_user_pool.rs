//! `CreateUserPool`

use std::sync::Arc;

use serde_json::{Value, json};

use super::set_user_pool_mfa_config::mfa_with_sms;
use super::settings::{Input, ask_for_key};
use crate::UserPools;
use crate::entropy;
use crate::model::attributes;
use crate::model::pool::{MfaSettings, Pool};
use crate::model::session::SessionConfiguration;
use crate::operations::Operation;
use crate::protocol::Caller;
use crate::protocol::error::ApiError;

pub(super) const OPERATION: Operation = Operation {
    name: "CreateUserPool",
    run: |request| {
        Box::pin(async move {
            let input = request.parse()?;
            run(request.pools, request.caller, input)
        })
    },
};

fn run(pools: &UserPools, caller: Caller, input: Input) -> Result<Value, ApiError> {
    let parts = input.parts()?;
    let name = parts.pool_name.ok_or_else(|| ApiError::missing("PoolName"))?;
    let region = caller.region.unwrap_or_else(|| pools.config.region.clone());
    let id = format!("{region}_{}", entropy::text(entropy::LETTERS_AND_DIGITS, 9));
    let now = pools.now();
    let mfa = mfa_with_sms(MfaSettings::default(), parts.mfa, &parts.settings)?;
    let pool = Pool {
        arn: format!("arn:aws:cognito-idp:{region}:{}:userpool/{id}", pools.config.account_id),
        id: id.clone(),
        name,
        created: now,
        modified: now,
        schema: attributes::schema(parts.schema),
        fixed: parts.fixed,
        settings: parts.settings,
        mfa,
        risk: None,
        sessions: SessionConfiguration::default(),
    };
    let described = pool.describe(0);
    ask_for_key(pools, &id, &pool.settings);
    pools.store.insert_pool(pool)?;
    make_keys(pools, id);
    Ok(json!({"UserPool": described}))
}

/// Starts to make the signing keys. An operation that needs them earlier waits for them.
fn make_keys(pools: &UserPools, id: String) {
    let (store, cell) = (Arc::clone(&pools.store), pools.key_cell(&id));
    tokio::task::spawn_blocking(move || {
        cell.get_or_init(|| crate::tokens::keys::PoolKeys::load_or_make(&store, &id));
    });
}
