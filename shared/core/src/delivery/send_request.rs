use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ChallengeCode, ChallengeCodes, Purpose, send_leases::DeliveryId, toll_fraud::Destination};
use crate::kernel::{EmailAddress, PortError, UserId};

/// A message to send, from a custom sender's event (cognito.md §1.15) or from the queue.
#[derive(Clone)]
pub struct SendRequest<'a> {
    pub id: DeliveryId,
    pub user_pool_id: &'a str,
    /// Absent for a trigger source that is unknown (yet).
    pub purpose: Option<Purpose>,
    /// Absent if the event only contains the user name. Then [`VerifiedEmails`] finds the user.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    pub destination: Option<Destination>,
    pub is_verified: bool,
    pub code: CodeSource<'a>,
    /// When the code expires, if known. Otherwise, the policy's validity applies.
    pub expires_at: Option<Timestamp>,
    pub locales: Vec<&'a str>,
    pub facts: Vec<(&'a str, &'a str)>,
}

impl fmt::Debug for SendRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRequest")
            .field("purpose", &self.purpose)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The source of a message's code.
#[derive(Clone, Copy)]
pub enum CodeSource<'a> {
    /// The message is a notification, without a code.
    Nowhere,
    /// Cognito sealed the code.
    Sealed(&'a str),
    /// We draw the code just before it is sent.
    Drawn { codes: &'a dyn ChallengeCodes, message: &'a ChallengeCode },
}

/// Prints the source, not the code.
impl fmt::Debug for CodeSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "Nowhere",
            Self::Sealed(_) => "Sealed(..)",
            Self::Drawn { .. } => "Drawn(..)",
        })
    }
}

/// Finds the address of a user from the user name, because a risk notification has no profile.
///
/// Contract: returns only verified addresses.
#[async_trait]
pub trait VerifiedEmails: Send + Sync + std::fmt::Debug {
    async fn verified_email(&self, user_name: &str) -> Result<Option<FoundUser>, PortError>;
}

/// A user who was found by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    pub user: UserId,
    pub email: EmailAddress,
    /// The attribute `locale`.
    pub locale: Option<String>,
}
