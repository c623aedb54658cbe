//! Where a reset code may go, and sending it.

use jiff::SignedDuration;
use serde_json::Value;

use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::model::pool::Pool;
use crate::model::secret::Secret;
use crate::model::user::{CodePurpose, PendingCode, User, UserStatus};
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

/// The verified address of the highest priority that isn't a second factor. Without a setting: the
/// phone, unless SMS is the user's second factor, then the e-mail.
pub(in crate::operations) fn recovery_attribute(pool: &Pool, user: &User) -> Result<&'static str, ApiError> {
    if matches!(user.status, UserStatus::ForceChangePassword | UserStatus::ExternalProvider) {
        return Err(ApiError::not_authorized("User password cannot be reset in the current state."));
    }
    let order: Vec<&'static str> = match &pool.settings.account_recovery_setting {
        Some(setting) => {
            let mut mechanisms = setting.recovery_mechanisms.clone();
            mechanisms.sort_by_key(|mechanism| mechanism.priority);
            if mechanisms.iter().any(|mechanism| mechanism.name == "admin_only") {
                return Err(ApiError::not_authorized("Contact administrator to reset password."));
            }
            let attributes = mechanisms
                .iter()
                .map(|mechanism| if mechanism.name == "verified_email" { "email" } else { "phone_number" });
            attributes.filter(|attribute| !is_second_factor(user, attribute)).collect()
        }
        None if is_second_factor(user, "phone_number") => vec!["email"],
        None => vec!["phone_number", "email"],
    };
    order
        .into_iter()
        .find(|attribute| user.attribute(attribute).is_some() && user.is_verified(attribute))
        .ok_or_else(|| {
            ApiError::invalid_parameter(
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            )
        })
}

/// An address that gets the user's MFA codes doesn't also reset their password.
fn is_second_factor(user: &User, attribute: &str) -> bool {
    user.mfa.enabled.iter().any(|factor| factor.attribute() == Some(attribute))
}

/// The code lives one hour. Gives `CodeDeliveryDetails`.
pub(in crate::operations) async fn send_reset_code(
    pools: &UserPools,
    pool: &Pool,
    client_id: &str,
    sub: &str,
    attribute: &str,
    metadata: Option<&Metadata>,
) -> Result<Value, ApiError> {
    let code = delivery::new_code();
    let expires = pools.now().saturating_add(SignedDuration::from_hours(1)).unwrap_or(jiff::Timestamp::MAX);
    let user = pools.store.update_user(&pool.id, sub, |user| {
        let pending =
            PendingCode { code: Secret::new(code.clone()), expires, attribute: attribute.to_owned() };
        user.codes.insert(CodePurpose::ForgotPassword, pending);
        Ok(user.clone())
    })?;
    let occasion = Occasion::ForgotPassword;
    let delivery = Delivery { pool, client_id, user: &user, occasion, attribute, secret: &code, metadata };
    delivery::deliver(pools, &delivery).await
}
