//! Guarding password sign-ins: what is counted, and what is refused.
//!
//! Pre-authentication runs before the password is checked and sees no result; nothing runs on a
//! failure (cognito.md §1.7). So an attempt is counted on the way in and the count is reset by the
//! completed sign-in. By default counting is for the operator's eyes: it refuses no attempt, because a caller who
//! knows a name could otherwise lock its owner out. Where policy says `enforce`, attempts must keep apart
//! by a [`BackOff`].

mod back_off;
mod guard;

pub use back_off::BackOff;
pub use guard::{SignInGuard, SignInSettings};

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{
    config::SignInPolicy,
    kernel::{PortError, Refusal, UserId},
};

/// Whose attempts are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    User(UserId),
    /// A name that is no user's. Counted as well, so that both take the same time; in one of 256
    /// shards, so that nothing is kept of what was typed.
    Unknown {
        shard: u8,
    },
    /// The same where attempts are refused: by a keyed hash of its own, so that it is refused when a
    /// user's would be, and for no other name's sake.
    UnknownName {
        hash: String,
    },
}

impl Subject {
    /// For a name that is no user's.
    pub fn unknown(user_name: &str) -> Self {
        Self::Unknown { shard: Sha256::digest(user_name.as_bytes()).first().copied().unwrap_or_default() }
    }
}

/// Names what a user is told of a new device: the same however often Cognito delivers the event
/// (cognito.md §1.1), within a minute.
pub fn new_device_id(user: &UserId, client_id: &str, at: Timestamp) -> Uuid {
    let minute = at.as_second().div_euclid(60);
    let digest = Sha256::digest(format!("new-device\n{}\n{client_id}\n{minute}", user.as_str()));
    Builder::from_custom_bytes(digest.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// What became of an attempt that had to keep its distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It may go on; so many were counted since the last completed sign-in or the start of the window.
    Counted(u32),
    /// Too soon after the last one. Nothing was counted.
    Refused,
}

/// Counts sign-ins.
///
/// Contract: every method is one write, and [`SignInLedger::attempt`] a second one where it finds the
/// count of an earlier window. Of `n` racing calls of `count_attempt` each sees a different number, and
/// together they see 1 to `n`. Of racing calls of `attempt` exactly as many are counted as the back-off
/// lets pass, and a refused one changes nothing.
#[async_trait]
pub trait SignInLedger: Send + Sync {
    /// Counts one attempt; gives the attempts since the last completed sign-in, this one included.
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError>;

    /// Counts one attempt if it is far enough from the last one.
    async fn attempt(
        &self,
        subject: &Subject,
        back_off: &BackOff,
        at: Timestamp,
    ) -> Result<Attempt, PortError>;

    /// Notes a completed sign-in and starts the count anew.
    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;

    /// Starts the count anew without a sign-in: when an operator unlocks.
    async fn reset(&self, user: &UserId) -> Result<(), PortError>;

    /// The same after a new password, and notes it.
    async fn password_reset(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;
}

/// What is known of a user's sign-ins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// The last completed one.
    pub signed_in_at: Option<Timestamp>,
    /// When a password was last set with a mailed code.
    pub password_reset_at: Option<Timestamp>,
}

/// Tells what the ledger has noted, in whole seconds.
///
/// Contract: one read, which sees every write that was answered before.
#[async_trait]
pub trait SignInHistory: Send + Sync {
    async fn history(&self, user: &UserId) -> Result<History, PortError>;
}

/// Whether sign-in is open at all.
pub fn admit(policy: &SignInPolicy) -> Result<(), Refusal> {
    if policy.open { Ok(()) } else { Err(Refusal::SignInClosed) }
}

/// Is this attempt the operator's concern? Said once, when the threshold is met.
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
