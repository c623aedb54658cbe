//! `ForgotPassword`

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::delivery::simulated_details;
use crate::limits::Limited;
use crate::operations::operation;
use crate::operations::recovery::reset::{recovery_attribute, send_reset_code};
use crate::protocol::error::ApiError;
use crate::protocol::error::ErrorCode;
use crate::sign_in::{Migration, check_secret_hash};
use crate::triggers::event::Metadata;

operation!("ForgotPassword", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    client_id: String,
    secret_hash: Option<String>,
    username: String,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    check_secret_hash(&client, &[&input.username], input.secret_hash.as_deref())?;
    let simulated = || Ok(json!({"CodeDeliveryDetails": simulated_details(pools, &pool, &input.username)}));
    let mut user = pools.store.find_user(&pool.id, &input.username);
    if user.is_none() {
        let migration = Migration {
            pool: &pool,
            client: &client,
            name: &input.username,
            password: None,
            validation_data: None,
            metadata: input.client_metadata.as_ref(),
        };
        user = migration.run(pools).await?;
    }
    let user = match user {
        Some(user) => user,
        None if client.hides_user_existence() => return simulated(),
        None => {
            return Err(ApiError::new(ErrorCode::UserNotFound, "Username/client id combination not found."));
        }
    };
    pools.count_call(&pool.id, &user.sub, Limited::ForgotPassword)?;
    // A user who is disabled or has no verified address looks like an unknown one (cognito.md §6.4).
    let attribute = match recovery_attribute(&pool, &user) {
        _ if !user.enabled && client.hides_user_existence() => return simulated(),
        _ if !user.enabled => return Err(ApiError::user_disabled()),
        Err(error) if error.code == ErrorCode::InvalidParameter && client.hides_user_existence() => {
            return simulated();
        }
        attribute => attribute?,
    };
    let metadata = input.client_metadata.as_ref();
    let details = send_reset_code(pools, &pool, &client.id, &user.sub, attribute, metadata).await?;
    Ok(json!({"CodeDeliveryDetails": details}))
}
