//! Guarding password sign-ins: what is counted, and what is refused.
//!
//! Pre-authentication runs before the password is checked and sees no result; nothing runs on a
//! failure (COGNITO.md §1.7). So an attempt is counted on the way in and the count is reset by the
//! completed sign-in. Counting is for the operator's eyes: it refuses nobody, because whoever knows
//! a name could otherwise lock its owner out.

use async_trait::async_trait;
use jiff::Timestamp;

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
}

impl Subject {
    /// For a name that is no user's.
    pub fn unknown(user_name: &str) -> Self {
        use sha2::{Digest, Sha256};
        Self::Unknown { shard: Sha256::digest(user_name.as_bytes()).first().copied().unwrap_or_default() }
    }
}

/// Counts sign-ins.
///
/// Contract: every method is one write. Of `n` racing calls of `count_attempt` each sees a
/// different number, and together they see 1 to `n`.
#[async_trait]
pub trait SignInLedger: Send + Sync {
    /// Counts one attempt; gives the attempts since the last completed sign-in, this one included.
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError>;

    /// Notes a completed sign-in and starts the count anew.
    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;

    /// Starts the count anew without a sign-in.
    async fn reset(&self, user: &UserId) -> Result<(), PortError>;
}

/// May anybody sign in at all?
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
        let policy = SignInPolicy { open: true, surge_after: 3 };
        let reported: Vec<u32> = (1..=10).filter(|attempts| is_surge(&policy, *attempts)).collect();
        assert_eq!(reported, [3]);
    }

    #[test]
    fn unknown_names_leave_no_trace_but_a_shard() {
        assert_eq!(Subject::unknown("alex@example.com"), Subject::unknown("alex@example.com"));
        assert!(!format!("{:?}", Subject::unknown("alex@example.com")).contains("alex"));
    }
}
