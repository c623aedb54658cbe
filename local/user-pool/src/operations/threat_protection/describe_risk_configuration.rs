//! `DescribeRiskConfiguration`

use serde::Deserialize;
use serde_json::{Value, json};

use super::check_add_on;
use crate::UserPools;
use crate::model::risk::RiskSettings;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("DescribeRiskConfiguration", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    client_id: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    check_add_on(&pool)?;
    let described = match &input.client_id {
        Some(client_id) => {
            let (_, client) = pools.store.client_of(&pool.id, client_id)?;
            RiskSettings::describe(client.risk.as_ref(), &pool.id, Some(client_id))
        }
        None => RiskSettings::describe(pool.risk.as_ref(), &pool.id, None),
    };
    Ok(json!({"RiskConfiguration": described}))
}
