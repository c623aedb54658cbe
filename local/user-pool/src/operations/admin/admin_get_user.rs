//! `AdminGetUser`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::operations::operation;
use crate::protocol::error::ApiError;

operation!("AdminGetUser", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let user = pools.store.named_user(&input.user_pool_id, &input.username)?;
    let mut described = user.describe();
    if let Value::Object(members) = &mut described {
        if let Some(attributes) = members.remove("Attributes") {
            members.insert("UserAttributes".to_owned(), attributes);
        }
        members.insert("PreferredMfaSetting".to_owned(), json!(user.mfa.preferred));
        members.insert("UserMFASettingList".to_owned(), json!(user.mfa_setting_list()));
    }
    Ok(described)
}
