//! `VerifyUserAttribute`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::limits::Limited;
use crate::model::user::CodePurpose;
use crate::operations::operation;
use crate::operations::profile::attribute_update::verifiable;
use crate::protocol::error::ApiError;

operation!("VerifyUserAttribute", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    attribute_name: String,
    code: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    pools.count_call(&bearer.pool.id, &bearer.user.sub, Limited::VerifyUserAttribute)?;
    let attribute = verifiable(&input.attribute_name)?;
    let now = pools.now();
    pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| {
        let purpose = CodePurpose::verify(attribute);
        let pending = user.codes.get(&purpose).ok_or_else(ApiError::expired_code)?;
        if pending.expires <= now {
            return Err(ApiError::expired_code());
        }
        if !pending.code.matches(&input.code) {
            return Err(ApiError::wrong_verification_code());
        }
        user.codes.remove(&purpose);
        if let Some(value) = user.unverified_updates.remove(attribute) {
            user.attributes.insert(attribute.to_owned(), value);
        }
        user.set_verified(attribute, true);
        user.modified = now;
        Ok(())
    })?;
    Ok(json!({}))
}
