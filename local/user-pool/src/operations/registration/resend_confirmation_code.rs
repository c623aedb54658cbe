//! `ResendConfirmationCode`

use serde::Deserialize;
use serde_json::{Value, json};

use super::confirmation::{attribute_to_confirm, send_confirmation};
use crate::UserPools;
use crate::delivery::{Occasion, simulated_details};
use crate::limits::Limited;
use crate::model::user::UserStatus;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::check_secret_hash;
use crate::triggers::event::Metadata;

operation!("ResendConfirmationCode", run);

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
    let user = match pools.store.find_user(&pool.id, &input.username) {
        Some(user) => user,
        None if client.hides_user_existence() => {
            return Ok(json!({"CodeDeliveryDetails": simulated_details(pools, &pool, &input.username)}));
        }
        None => return Err(ApiError::user_not_found()),
    };
    pools.count_call(&pool.id, &user.sub, Limited::ResendConfirmationCode)?;
    if user.status != UserStatus::Unconfirmed {
        return Err(ApiError::invalid_parameter("User is already confirmed."));
    }
    let attribute = attribute_to_confirm(&pool, &user).ok_or_else(|| {
        ApiError::invalid_parameter("Cannot resend codes. Auto verification not turned on.")
    })?;
    let metadata = input.client_metadata.as_ref();
    let occasion = Occasion::ResendCode;
    let details =
        send_confirmation(pools, &pool, &client.id, &user.sub, attribute, occasion, metadata).await?;
    Ok(json!({"CodeDeliveryDetails": details}))
}
