//! `AdminUpdateUserAttributes`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::attributes::Attribute;
use crate::operations::operation;
use crate::operations::profile::AttributeUpdate;
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

operation!("AdminUpdateUserAttributes", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    user_attributes: Vec<Attribute>,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let user = pools.store.named_user(&pool.id, &input.username)?;
    let update = AttributeUpdate {
        pool: &pool,
        client: None,
        sub: &user.sub,
        attributes: input.user_attributes,
        metadata: input.client_metadata.as_ref(),
    };
    update.run(pools).await?;
    Ok(json!({}))
}
