//! Passwords: the pool's policy, the check against the SRP verifier, and the back-off after wrong
//! ones.

use jiff::{SignedDuration, Timestamp};

use crate::entropy;
use crate::model::policies::PasswordPolicy;
use crate::model::pool::Pool;
use crate::model::user::{Failures, PasswordVerifier, User};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::srp::{self, Identity};

/// The characters Cognito counts as symbols; a blank counts inside, not at an end.
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= ";

pub(crate) fn check_policy(policy: &PasswordPolicy, password: &str) -> Result<(), ApiError> {
    let lacks = |wanted: bool, has: &dyn Fn(char) -> bool| wanted && !password.chars().any(has);
    let fault = if password.chars().count() < policy.minimum_length {
        "Password not long enough"
    } else if lacks(policy.require_uppercase, &|c| c.is_ascii_uppercase()) {
        "Password must have uppercase characters"
    } else if lacks(policy.require_lowercase, &|c| c.is_ascii_lowercase()) {
        "Password must have lowercase characters"
    } else if lacks(policy.require_numbers, &|c| c.is_ascii_digit()) {
        "Password must have numeric characters"
    } else if lacks(policy.require_symbols, &|c| SYMBOLS.contains(c)) {
        "Password must have symbol characters"
    } else {
        return Ok(());
    };
    Err(ApiError::new(ErrorCode::InvalidPassword, format!("Password did not conform with policy: {fault}")))
}

/// A temporary password the policy accepts.
pub(crate) fn temporary(policy: &PasswordPolicy) -> String {
    let length = policy.minimum_length.max(12);
    loop {
        let password =
            entropy::text(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!@#%&<>*-_", length);
        if check_policy(policy, &password).is_ok() {
            return password;
        }
    }
}

/// Until when a temporary password given now is good.
pub(crate) fn temporary_until(pool: &Pool, now: Timestamp) -> Option<Timestamp> {
    let settings = &pool.settings;
    let days = settings
        .admin_create_user_config
        .unused_account_validity_days
        .unwrap_or(settings.policies.password_policy.temporary_password_validity_days);
    now.saturating_add(SignedDuration::from_hours(days.saturating_mul(24))).ok()
}

pub(crate) fn identity(pool: &Pool, username: &str) -> Identity {
    Identity { group: pool.short_name().to_owned(), name: username.to_owned() }
}

pub(crate) fn verifier(pool: &Pool, username: &str, password: &str) -> PasswordVerifier {
    let (salt, verifier) = srp::enrol(&identity(pool, username), password);
    PasswordVerifier { salt, verifier }
}

pub(crate) fn matches(pool: &Pool, username: &str, stored: &PasswordVerifier, password: &str) -> bool {
    srp::password_matches(&identity(pool, username), &stored.salt, &stored.verifier, password)
}

/// Sets a permanent password; the one before goes into the history the policy asks for.
///
/// # Errors
/// `PasswordHistoryPolicyViolation` if it is among the last ones.
pub(crate) fn set(pool: &Pool, user: &mut User, password: &str) -> Result<(), ApiError> {
    let size = pool.settings.policies.password_policy.password_history_size;
    let recent = user.password.iter().chain(&user.password_history).take(size);
    if recent.into_iter().any(|old| matches(pool, &user.username, old, password)) {
        return Err(ApiError::new(
            ErrorCode::PasswordHistoryPolicyViolation,
            "Password has previously been used and cannot be reused.",
        ));
    }
    let new = verifier(pool, &user.username, password);
    if let Some(old) = user.password.replace(new) {
        user.password_history.insert(0, old);
    }
    user.password_history.truncate(size);
    user.temporary_password_expires = None;
    user.password_failures = None;
    Ok(())
}

/// From the fifth failure in a row each locks for 2^(n−5) s, at most 15 minutes; 15 minutes
/// without a try forget them (cognito.md §4.7).
pub(crate) fn is_locked(failures: Option<Failures>, now: Timestamp) -> bool {
    let Some(Failures { count, last }) = failures else {
        return false;
    };
    let Some(exponent) = count.checked_sub(5) else {
        return false;
    };
    let lock = 1_i64.checked_shl(exponent.min(10)).unwrap_or(i64::MAX).min(WINDOW.as_secs());
    now.duration_since(last) < SignedDuration::from_secs(lock)
}

pub(crate) fn after_failure(failures: Option<Failures>, now: Timestamp) -> Failures {
    let count =
        failures.filter(|before| now.duration_since(before.last) < WINDOW).map_or(0, |before| before.count);
    Failures { count: count + 1, last: now }
}

const WINDOW: SignedDuration = SignedDuration::from_mins(15);

pub(crate) fn attempts_exceeded() -> ApiError {
    ApiError::not_authorized("Password attempts exceeded")
}
