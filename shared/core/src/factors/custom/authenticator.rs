use jiff::Timestamp;

use super::{SET_UP_TIME, SealedSeed};
use crate::factors::enrolment::FriendlyDeviceName;

/// An authenticator app whose seed we store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    pub name: FriendlyDeviceName,
    pub seed: SealedSeed,
    pub created_at: Timestamp,
    /// Whether a code of it was entered once. It proves nothing before that.
    pub is_confirmed: bool,
}

impl Authenticator {
    /// Returns whether the set-up began but was not finished in time.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        !self.is_confirmed && now.duration_since(self.created_at) > SET_UP_TIME
    }
}
