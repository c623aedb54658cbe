//! Helping users: what an administrator can look at and change. Every change has a reason, is written down
//! with who made it, and is told to the user.

mod use_cases;

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use use_cases::{Found, Support, SupportPorts};

use crate::{
    factors::SignedIn,
    kernel::{PortError, UserId},
};

/// Who asks: the claims of an access token that the API's authorizer has checked.
#[derive(Debug, Clone)]
pub struct Claims {
    pub signed_in: SignedIn,
    pub groups: BTreeSet<String>,
    /// The token itself says that a second factor was proven (COGNITO.md §3.9); most can't.
    pub says_mfa: bool,
}

/// Why a change is made: 1 to 500 characters, none of them a control character.
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

/// All that is kept of a user.
///
/// Contract: `lines` gives the lines of the audit trail from `from` to before `until`, oldest first, with
/// `id` and `at`. `erase` leaves nothing that stands under the user's id but the audit trail, which no
/// function may change and which ends by itself (`audit.retention_days`). It can be repeated.
#[async_trait]
pub trait UserItems: Send + Sync {
    async fn lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError>;

    /// How many items there were.
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
}
