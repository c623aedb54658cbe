//! `AssociateSoftwareToken`: a new seed, which replaces the old one at once (cognito.md §4.4).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::{Factor, SoftwareToken};
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::not_enabled;
use crate::totp;

operation!("AssociateSoftwareToken", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: Option<String>,
    session: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    match (input.access_token, input.session) {
        (Some(token), None) => {
            let bearer = pools.bearer(&token).await?;
            if !bearer.pool.offers(Factor::SoftwareToken) {
                return Err(not_enabled());
            }
            let secret = totp::new_secret();
            pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| {
                user.software_token = Some(SoftwareToken {
                    secret: secret.clone(),
                    verified: false,
                    friendly_name: None,
                    used_steps: Vec::new(),
                });
                Ok(())
            })?;
            Ok(json!({"SecretCode": secret}))
        }
        (None, Some(session)) => {
            let (secret, session) = pools.associate_in_session(&session)?;
            Ok(json!({"SecretCode": secret, "Session": session}))
        }
        (None, None) => Err(ApiError::missing("AccessToken or Session")),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_parameter("AccessToken and Session can't be used together."))
        }
    }
}
