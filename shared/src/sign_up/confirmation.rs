use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::kernel::{PortError, UserId};

/// Names the welcome of a user: the same however often Cognito delivers the event (cognito.md §1.1), so that
/// the delivery's claim on it lets one through.
pub fn welcome_id(user: &UserId) -> Uuid {
    let digest = Sha256::digest(format!("welcome\n{}", user.as_str()));
    Builder::from_custom_bytes(digest.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// Keeps when users confirmed their sign-up.
///
/// Contract: of any number of calls for one user, racing or repeated, exactly one sees
/// [`Recorded::First`], and the time kept is that one's.
#[async_trait]
pub trait ConfirmedUsers: Send + Sync {
    async fn record(&self, user: &UserId, at: Timestamp) -> Result<Recorded, PortError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    First,
    /// An earlier delivery of the same confirmation recorded it.
    Before,
}
