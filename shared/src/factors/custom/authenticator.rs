use jiff::Timestamp;

use super::{SET_UP_TIME, SealedSeed};
use crate::factors::FriendlyDeviceName;

/// An authenticator app whose seed we store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    pub name: FriendlyDeviceName,
    pub seed: SealedSeed,
    pub created_at: Timestamp,
    /// A code of it was entered once: only then does it prove anything.
    pub is_confirmed: bool,
}

impl Authenticator {
    /// Begun, and not finished in time.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        !self.is_confirmed && now.duration_since(self.created_at) > SET_UP_TIME
    }
}
