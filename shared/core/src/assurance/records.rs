use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Evidence;
use crate::kernel::{PortError, UserId};

/// Time for which a record of a sign-in is stored.
pub const RECORD_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Largest difference between a record and `auth_time`. The clocks of the pool and the trigger differ.
pub const SAME_SIGN_IN: SignedDuration = SignedDuration::from_secs(60);

/// One completed sign-in, in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSignIn {
    pub at: Timestamp,
    /// The id of the app client.
    pub client: String,
    pub evidence: Evidence,
}

/// Stores the evidence of sign-ins whose tokens cannot carry it. That is the case at version `V1_0` of the
/// trigger. Administrators' sign-ins are stored too, so that their refreshed tokens can be judged.
///
/// Contract: `record` is one write and can be repeated. Of racing records none is lost. `recorded` is one
/// consistent read.
#[async_trait]
pub trait SignInRecords: Send + Sync + std::fmt::Debug {
    async fn record(&self, user: &UserId, sign_in: &RecordedSignIn) -> Result<(), PortError>;

    /// Returns the sign-ins from `from` to `until`, both included, by the second.
    async fn recorded(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RecordedSignIn>, PortError>;
}

/// Returns the weakest evidence among the sign-ins at `client`, because we cannot tell which of them a token
/// belongs to.
pub fn weakest(recorded: &[RecordedSignIn], client: &str) -> Option<Evidence> {
    recorded.iter().filter(|sign_in| sign_in.client == client).map(|sign_in| sign_in.evidence).reduce(
        |one, other| Evidence {
            level: one.level.min(other.level),
            // Takes the earlier time, or `None` if either is absent.
            second_factor_at: one.second_factor_at.min(other.second_factor_at),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_sign_ins_of_one_minute_the_weaker_one_holds() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let sign_in = |client: &str, level, second_factor_at| RecordedSignIn {
            at: at(10),
            client: client.to_owned(),
            evidence: Evidence { level, second_factor_at },
        };
        let strong = sign_in("a", 2, Some(at(10)));
        assert_eq!(weakest(std::slice::from_ref(&strong), "a"), Some(strong.evidence));
        assert_eq!(weakest(&[strong.clone(), sign_in("b", 1, None)], "a"), Some(strong.evidence));
        assert_eq!(weakest(&[strong.clone(), sign_in("a", 1, None)], "a"), Some(Evidence::UNKNOWN));
        let device = sign_in("a", 2, None);
        assert_eq!(weakest(&[strong, device.clone()], "a"), Some(device.evidence));
        assert_eq!(weakest(&[], "a"), None);
    }
}
