//! `SetRiskConfiguration`: of the pool or of one client, replaced as a whole. With nothing to set, the
//! pool goes back to the defaults and the client to what the pool has.

use serde::Deserialize;
use serde_json::{Value, json};

use super::check_add_on;
use crate::UserPools;
use crate::model::client::Client;
use crate::model::risk::{RiskConfiguration, RiskSettings};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("SetRiskConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: Option<String>,
    #[serde(flatten)]
    settings: RiskSettings,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let Input { user_pool_id, client_id, settings } = input;
    check_add_on(pools.store.pool(&user_pool_id)?.as_ref())?;
    settings.check()?;
    let risk = (!settings.is_default()).then(|| RiskConfiguration { settings, modified: pools.now() });
    let described = RiskSettings::describe(risk.as_ref(), &user_pool_id, client_id.as_deref());
    match client_id {
        Some(client_id) => {
            let (_, client) = pools.store.client_of(&user_pool_id, &client_id)?;
            pools.store.put_client(Client { risk, ..Client::clone(&client) })?;
        }
        None => pools.store.update_pool(&user_pool_id, |pool| {
            pool.risk = risk;
            Ok(())
        })?,
    }
    Ok(json!({"RiskConfiguration": described}))
}
