//! `GetUserAttributeVerificationCode`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::delivery::Occasion;
use crate::limits::Limited;
use crate::operations::operation;
use crate::operations::profile::attribute_update::{send_verification_code, verifiable};
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

operation!("GetUserAttributeVerificationCode", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    attribute_name: String,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    pools.count_call(&bearer.pool.id, &bearer.user.sub, Limited::GetUserAttributeVerificationCode)?;
    let attribute = verifiable(&input.attribute_name)?;
    let pending = bearer.user.unverified_updates.get(attribute);
    if pending.is_none() && bearer.user.attribute(attribute).is_none() {
        return Err(ApiError::invalid_parameter(format!("User has no {attribute} to verify.")));
    }
    let details = send_verification_code(
        pools,
        &bearer.pool,
        &bearer.client.id,
        &bearer.user.sub,
        attribute,
        Occasion::VerifyUserAttribute,
        input.client_metadata.as_ref(),
    )
    .await?;
    Ok(json!({"CodeDeliveryDetails": details}))
}
