//! `AddCustomAttributes`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::attributes::{self, SchemaAttribute};
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AddCustomAttributes", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    custom_attributes: Vec<SchemaAttribute>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    pools.store.update_pool(&input.user_pool_id, |pool| {
        for attribute in input.custom_attributes {
            let attribute = attributes::custom(attribute);
            if pool.schema.iter().any(|known| known.name == attribute.name) {
                return Err(ApiError::invalid_parameter(format!(
                    "{}: Existing attribute already has name {}.",
                    attribute.name, attribute.name
                )));
            }
            if attribute.required {
                return Err(ApiError::invalid_parameter(
                    "Required custom attributes are not supported currently.",
                ));
            }
            pool.schema.push(attribute);
        }
        pool.modified = pools.now();
        Ok(())
    })?;
    Ok(json!({}))
}
