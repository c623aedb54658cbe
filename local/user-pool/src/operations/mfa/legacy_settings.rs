//! `MFAOptions` of `SetUserSettings` and `AdminSetUserSettings`: SMS on, or nothing.

use serde::Deserialize;

use crate::model::user::{Factor, User};
use crate::protocol::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::operations) struct MfaOption {
    delivery_medium: Option<String>,
}

pub(in crate::operations) fn apply(user: &mut User, options: &[MfaOption]) -> Result<(), ApiError> {
    let wants_sms = options
        .iter()
        .any(|option| option.delivery_medium.as_deref() == Some("SMS"));
    if wants_sms {
        if user.attribute("phone_number").is_none() {
            return Err(ApiError::invalid_parameter(
                "User does not have a phone_number set to turn on SMS MFA",
            ));
        }
        user.mfa.enabled.insert(Factor::Sms);
    } else {
        user.mfa.enabled.remove(&Factor::Sms);
        if user.mfa.preferred == Some(Factor::Sms) {
            user.mfa.preferred = None;
        }
    }
    Ok(())
}
