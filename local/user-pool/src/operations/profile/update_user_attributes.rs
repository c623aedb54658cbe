//! `UpdateUserAttributes`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::attributes::Attribute;
use crate::operations::operation;
use crate::operations::profile::attribute_update::AttributeUpdate;
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

operation!("UpdateUserAttributes", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    user_attributes: Vec<Attribute>,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let update = AttributeUpdate {
        pool: &bearer.pool,
        client: Some(&bearer.client),
        sub: &bearer.user.sub,
        attributes: input.user_attributes,
        metadata: input.client_metadata.as_ref(),
    };
    Ok(json!({"CodeDeliveryDetailsList": update.run(pools).await?}))
}
