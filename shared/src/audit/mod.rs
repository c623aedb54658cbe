//! The audit trail: who changed which factor, when. Append-only; no secret, no address.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::kernel::{Clock, Entropy, Factor, PortError, UserId};

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: uuid::Uuid,
    pub user: UserId,
    pub at: Timestamp,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// A new authenticator's secret was handed out; with `replace` the old one stopped working.
    TotpStarted {
        replace: bool,
    },
    TotpVerified,
    PreferenceChanged {
        factor: Factor,
        enabled: bool,
        preferred: bool,
    },
    /// A sign-in was completed on a device that the pool did not know.
    NewDeviceUsed,
    /// A code or notification was not sent.
    MessageNotSent {
        channel: &'static str,
        reason: &'static str,
    },
}

impl Entry {
    /// A line with an id of its own that sorts by time (UUID v7).
    pub fn new(
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        user: UserId,
        action: Action,
    ) -> Result<Self, PortError> {
        let at = clock.now();
        let mut random = [0; 10];
        entropy.fill(&mut random)?;
        let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or_default();
        let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        Ok(Self { id, user, at, action })
    }
}

/// Keeps the trail.
///
/// Contract: an entry is kept once, however often it is appended, and never changed.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    async fn append(&self, entry: &Entry) -> Result<(), PortError>;
}
