//! Guards password sign-ins: counts attempts, and refuses them if the policy says so.
//!
//! Pre-authentication runs before the password is checked and sees no result. No trigger runs on a failure
//! (cognito.md §1.7). So we count an attempt when it begins, and the completed sign-in resets the count. By
//! default the count is for the operator only and refuses no attempt. Otherwise a caller who knows a name
//! could lock its owner out. If the policy says `enforce`, a [`BackOff`] sets the waits between attempts.

mod back_off;
mod guard;

pub use back_off::BackOff;
pub use guard::{SignInGuard, SignInSettings};

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{
    config::policy::SignInPolicy,
    kernel::{PortError, Refusal, UserId},
};

/// The subject whose attempts are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    User(UserId),
    /// An unknown name. We count it too, so that both cases take the same time. We count in one of 256 shards
    /// and store nothing of the typed text.
    Unknown {
        shard: u8,
    },
    /// An unknown name, if the policy refuses attempts. We count it under its own keyed hash, as we count a
    /// user. So its attempts are refused at the same time as a user's.
    UnknownName {
        hash: String,
    },
}

impl Subject {
    /// Returns the shard of an unknown name.
    pub fn unknown(user_name: &str) -> Self {
        Self::Unknown { shard: Sha256::digest(user_name.as_bytes()).first().copied().unwrap_or_default() }
    }
}

/// Returns the id of the notification of a new device. It is the same for repeated events (cognito.md §1.1)
/// within a minute.
pub fn new_device_id(user: &UserId, client_id: &str, at: Timestamp) -> Uuid {
    let minute = at.as_second().div_euclid(60);
    let digest = Sha256::digest(format!("new-device\n{}\n{client_id}\n{minute}", user.as_str()));
    Builder::from_custom_bytes(digest.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// The result of an attempt under a [`BackOff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The attempt may continue. Holds the attempts since the last completed sign-in or the start of the
    /// window.
    Counted(u32),
    /// The attempt came too soon after the last one, and was not counted.
    Refused,
}

/// Counts sign-ins.
///
/// Contract: every method is one write. [`SignInLedger::attempt`] makes a second one if it finds the count of
/// an earlier window. Of `n` racing calls of `count_attempt` each sees a different number, and together they
/// see 1 to `n`. Of racing calls of `attempt` exactly as many are counted as the back-off permits. A refused
/// one changes nothing.
#[async_trait]
pub trait SignInLedger: Send + Sync + std::fmt::Debug {
    /// Counts one attempt. Returns the attempts since the last completed sign-in, including this one.
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError>;

    /// Counts one attempt if enough time has passed since the last one.
    async fn attempt(
        &self,
        subject: &Subject,
        back_off: &BackOff,
        at: Timestamp,
    ) -> Result<Attempt, PortError>;

    /// Records a completed sign-in and resets the count.
    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;

    /// Resets the count without a sign-in, when an operator unlocks a user.
    async fn reset(&self, user: &UserId) -> Result<(), PortError>;

    /// Resets the count after a new password, and records the time.
    async fn password_reset(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;
}

/// The recorded times of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// The time of the last completed sign-in.
    pub signed_in_at: Option<Timestamp>,
    /// The time at which a password was last set with a mailed code.
    pub password_reset_at: Option<Timestamp>,
}

/// Returns the times that the ledger has recorded, in whole seconds.
///
/// Contract: one read, which sees every write that was answered before.
#[async_trait]
pub trait SignInHistory: Send + Sync + std::fmt::Debug {
    async fn history(&self, user: &UserId) -> Result<History, PortError>;
}

/// Refuses every sign-in if the policy closes sign-in.
pub fn admit(policy: &SignInPolicy) -> Result<(), Refusal> {
    if policy.open { Ok(()) } else { Err(Refusal::SignInClosed) }
}

/// Whether to alert the operator. True once, when the count reaches the threshold.
pub fn is_surge(policy: &SignInPolicy, attempts: u32) -> bool {
    attempts == policy.surge_after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    #[test]
    fn sign_in_is_open_unless_policy_closes_it() {
        let open = Policy::default().sign_in;
        assert_eq!(admit(&open), Ok(()));
        assert_eq!(admit(&SignInPolicy { open: false, ..open }), Err(Refusal::SignInClosed));
    }

    #[test]
    fn a_surge_is_reported_once() {
        let policy = SignInPolicy { surge_after: 3, ..Policy::default().sign_in };
        let reported: Vec<u32> = (1..=10).filter(|attempts| is_surge(&policy, *attempts)).collect();
        assert_eq!(reported, [3]);
    }

    #[test]
    fn unknown_names_leave_no_trace_but_a_shard() {
        assert_eq!(Subject::unknown("alex@example.com"), Subject::unknown("alex@example.com"));
        assert!(!format!("{:?}", Subject::unknown("alex@example.com")).contains("alex"));
    }
}
