use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::kernel::{PortError, UserId};

/// Returns the id of a user's welcome message. It is the same for repeated events (cognito.md §1.1), so the
/// send lease lets one message through.
pub fn welcome_id(user: &UserId) -> Uuid {
    let digest = Sha256::digest(format!("welcome\n{}", user.as_str()));
    Builder::from_custom_bytes(digest.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// Stores when users confirmed their sign-up.
///
/// Contract: of any number of calls for one user, racing or repeated, exactly one returns
/// [`Recorded::First`]. The time of that call is stored.
#[async_trait]
pub trait ConfirmedUsers: Send + Sync + std::fmt::Debug {
    async fn record(&self, user: &UserId, at: Timestamp) -> Result<Recorded, PortError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    First,
    /// An earlier delivery of the same confirmation recorded it.
    Before,
}
