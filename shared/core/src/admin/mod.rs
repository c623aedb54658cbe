//! Operations of administrators on users. Each operation is counted and written to the audit trail with the
//! administrator. A change also needs a reason, and the user is notified of it.

mod service;

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use service::{AdminPorts, AdminService, AdminUserView};

use crate::{
    factors::SignedIn,
    kernel::{PortError, UserId},
};

/// The caller: the claims of an access token that the API's authorizer has checked.
#[derive(Debug, Clone)]
pub struct AdminCaller {
    pub signed_in: SignedIn,
    pub groups: BTreeSet<String>,
    /// Whether the token itself says that a second factor was proven (cognito.md §3.9). Most tokens cannot
    /// say it.
    pub says_mfa: bool,
}

/// The reason of a change: 1 to 500 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason")]
pub struct InvalidReason;

impl Reason {
    pub fn parse(typed: &str) -> Result<Self, InvalidReason> {
        let text = typed.trim();
        let fits = (1..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidReason)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user name or alias that an administrator sends. It is a member of the body, never a part of the path. A
/// path is decoded before it is routed (cognito.md §8.4), so a name in it could select another user or
/// operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a user name")]
pub struct InvalidUserName;

impl UserName {
    /// Accepts 1 to 128 characters without blanks and control characters. That includes every name that
    /// Cognito admits (cognito.md §9.2). Cognito refuses the rest itself.
    pub fn parse(text: &str) -> Result<Self, InvalidUserName> {
        let is_apart = |char: char| char.is_whitespace() || char.is_control();
        let fits = (1..=128).contains(&text.chars().count()) && !text.chars().any(is_apart);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidUserName)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Stores all items of a user.
///
/// Contract: `lines` returns the lines of the audit trail from `from` to before `until`, oldest first, with
/// `id` and `at`. `erase` deletes every item under the user's id except the audit trail. No function may
/// change the audit trail, which expires by itself (`audit.retention_days`). `erase` can be repeated.
#[async_trait]
pub trait UserItems: Send + Sync + std::fmt::Debug {
    async fn lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError>;

    /// Returns the number of items that were erased.
    async fn erase(&self, user: &UserId) -> Result<usize, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_of_text() {
        assert_eq!(Reason::parse(" ticket 17 ").unwrap().as_str(), "ticket 17");
        for wrong in ["", "  ", "a\nb", &"x".repeat(501)] {
            assert!(Reason::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_user_name_is_measured_in_characters() {
        let long = "\u{6f22}".repeat(128);
        for name in ["a", "SUB/mfa-reset?x@example.org", r"CORP\alex", "org/alex", "alex%3Fx#1", "..", &long]
        {
            assert_eq!(UserName::parse(name).unwrap().as_str(), name);
        }
        for wrong in ["", " ", "a b", "a\u{a0}b", "a\nb", "a\u{7f}", &format!("{long}x")] {
            assert!(UserName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
