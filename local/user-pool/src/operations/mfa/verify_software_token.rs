//! `VerifySoftwareToken`: by access token it registers the authenticator, by session it switches it
//! on as well.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::user::Factor;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::sign_in::{cannot_enable, no_seed, not_enabled};
use crate::totp;

operation!("VerifySoftwareToken", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: Option<String>,
    session: Option<String>,
    user_code: String,
    friendly_device_name: Option<String>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    match (input.access_token, input.session) {
        (Some(token), None) => {
            let bearer = pools.bearer(&token).await?;
            if !bearer.pool.offers(Factor::SoftwareToken) {
                return Err(not_enabled());
            }
            let now = pools.now();
            pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| {
                let token = user.software_token.as_mut().ok_or_else(no_seed)?;
                let totp::Verdict::Right(step) = totp::check(token, &input.user_code, now) else {
                    return Err(cannot_enable());
                };
                totp::mark_used(token, step);
                token.verified = true;
                token.friendly_name = input.friendly_device_name;
                Ok(())
            })?;
            Ok(json!({"Status": "SUCCESS"}))
        }
        (None, Some(session)) => {
            let next = pools.verify_in_session(&session, &input.user_code, input.friendly_device_name)?;
            Ok(json!({"Status": "SUCCESS", "Session": next}))
        }
        (None, None) => Err(ApiError::missing("AccessToken or Session")),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_parameter("AccessToken and Session can't be used together."))
        }
    }
}
