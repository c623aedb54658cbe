use async_trait::async_trait;
use jiff::Timestamp;

use crate::kernel::{PortError, UserId};

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
