//! The rules of `SetUserMFAPreference` and `AdminSetUserMFAPreference` (cognito.md §4.5).

use serde::Deserialize;

use crate::model::pool::{MfaState, Pool};
use crate::model::user::{Factor, User};
use crate::protocol::error::ApiError;

/// A factor's block; a missing member is false, a missing block leaves its factor alone.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::operations) struct Block {
    enabled: bool,
    preferred_mfa: bool,
}

/// Of a passkey, which is never the preferred second factor.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PasskeyBlock {
    enabled: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(in crate::operations) struct Blocks {
    #[serde(rename = "SMSMfaSettings")]
    sms: Option<Block>,
    #[serde(rename = "SoftwareTokenMfaSettings")]
    software_token: Option<Block>,
    #[serde(rename = "EmailMfaSettings")]
    email: Option<Block>,
    #[serde(rename = "WebAuthnMfaSettings")]
    passkey: Option<PasskeyBlock>,
}

pub(in crate::operations) fn apply(pool: &Pool, user: &mut User, blocks: Blocks) -> Result<(), ApiError> {
    let passkey = blocks.passkey;
    let blocks: Vec<_> = [
        (Factor::Sms, blocks.sms),
        (Factor::SoftwareToken, blocks.software_token),
        (Factor::Email, blocks.email),
    ]
    .into_iter()
    .filter_map(|(factor, block)| Some((factor, block?)))
    .collect();
    if blocks.iter().filter(|(_, block)| block.preferred_mfa).count() > 1 {
        return Err(ApiError::invalid_parameter("Only one MFA method can be preferred."));
    }
    if blocks.iter().any(|(_, block)| block.preferred_mfa && !block.enabled) {
        return Err(ApiError::invalid_parameter("A preferred MFA method must be enabled."));
    }
    for (factor, block) in blocks {
        if block.enabled {
            enable(pool, user, factor, block.preferred_mfa)?;
        } else {
            disable(pool, user, factor)?;
        }
    }
    if let Some(PasskeyBlock { enabled }) = passkey {
        user.mfa.passkey = enabled;
    }
    check_passkey(pool, user, passkey.is_some_and(|block| block.enabled))
}

/// Passkey MFA needs the pool's support and another method that is on (cognito.md §4.10). `enabled`: this call
/// switches it on.
fn check_passkey(pool: &Pool, user: &User, enabled: bool) -> Result<(), ApiError> {
    if enabled && !pool.counts_passkeys_as_mfa() {
        return Err(ApiError::invalid_parameter("Passkey MFA is not enabled for this user pool."));
    }
    if user.mfa.passkey && user.mfa.enabled.is_empty() {
        return Err(ApiError::invalid_parameter(
            "Passkey MFA needs another MFA method that is enabled for the user.",
        ));
    }
    Ok(())
}

fn enable(pool: &Pool, user: &mut User, factor: Factor, preferred: bool) -> Result<(), ApiError> {
    check_can_be_on(user, factor)?;
    // A factor the pool doesn't have: accepted, without effect.
    let has_effect =
        pool.mfa.state != MfaState::Off && (factor == Factor::SoftwareToken || pool.offers(factor));
    if !has_effect {
        return Ok(());
    }
    user.mfa.enabled.insert(factor);
    if preferred {
        user.mfa.preferred = Some(factor);
    } else if user.mfa.preferred == Some(factor) {
        user.mfa.preferred = None;
    }
    Ok(())
}

/// In a pool that demands MFA nothing is switched off; only the preference goes.
fn disable(pool: &Pool, user: &mut User, factor: Factor) -> Result<(), ApiError> {
    if factor == Factor::SoftwareToken && user.software_token.as_ref().is_some_and(|token| !token.verified) {
        return Err(not_verified());
    }
    if pool.mfa.state != MfaState::On {
        user.mfa.enabled.remove(&factor);
    }
    if user.mfa.preferred == Some(factor) {
        user.mfa.preferred = None;
    }
    Ok(())
}

fn check_can_be_on(user: &User, factor: Factor) -> Result<(), ApiError> {
    let possible = match factor.attribute() {
        Some(attribute) => user.attribute(attribute).is_some(),
        None => match &user.software_token {
            Some(token) if !token.verified => return Err(not_verified()),
            token => token.is_some(),
        },
    };
    if possible {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "User does not have delivery config set to turn on {}",
        factor.as_str()
    )))
}

fn not_verified() -> ApiError {
    ApiError::invalid_parameter("User has not verified software token mfa")
}
