//! `DeleteUserAttributes`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::operations::profile::attribute_update::delete_attributes;
use crate::protocol::error::ApiError;

operation!("DeleteUserAttributes", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    user_attribute_names: Vec<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    delete_attributes(pools, &bearer.pool, &bearer.user.sub, &input.user_attribute_names)?;
    Ok(json!({}))
}
