use std::sync::Arc;

use jiff::Timestamp;

use super::{Attempt, BackOff, SignInLedger, Subject, is_surge};
use crate::{
    config::{Environment, SignInPolicy},
    kernel::{HashKey, PortError, UserId},
    telemetry::Metric,
};

/// What the guard is made from.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    policy: SignInPolicy,
    /// Names that are no user's are hashed with it; only where attempts are refused.
    names: Option<HashKey>,
}

impl SignInSettings {
    /// `MFA_HASH_KEY` is needed only where policy says `sign_in.enforce`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().sign_in;
        let names = policy.enforce.then(|| environment.hash_key());
        Self { policy, names }
    }

    pub fn guard(self, ledger: Arc<dyn SignInLedger>) -> SignInGuard {
        SignInGuard { settings: self, ledger }
    }
}

/// Counts attempts, and where policy says so refuses those that come too fast.
pub struct SignInGuard {
    settings: SignInSettings,
    ledger: Arc<dyn SignInLedger>,
}

impl SignInGuard {
    pub fn policy(&self) -> &SignInPolicy {
        &self.settings.policy
    }

    /// `user_name`: what was typed, where it is no user's. Known and unknown names take the same path:
    /// one write each, the same back-off, the same answer.
    pub async fn attempt(
        &self,
        user: Option<UserId>,
        user_name: &str,
        now: Timestamp,
    ) -> Result<Attempt, PortError> {
        let policy = &self.settings.policy;
        let is_known = user.is_some();
        let attempt = if let Some(key) = &self.settings.names {
            let subject = user.map_or_else(|| unknown(key, user_name), Subject::User);
            self.ledger.attempt(&subject, &BackOff::of(policy), now).await?
        } else {
            let subject = user.map_or_else(|| Subject::unknown(user_name), Subject::User);
            Attempt::Counted(self.ledger.count_attempt(&subject, now).await?)
        };
        match attempt {
            // Unknown names share their counters, so their number says nothing of a user.
            Attempt::Counted(attempts) if is_known && is_surge(policy, attempts) => {
                tracing::warn!(attempts, "many sign-in attempts without a completed sign-in");
                Metric::SignInSurge.emit();
            }
            Attempt::Counted(_) => {}
            Attempt::Refused => Metric::SignInThrottled.emit(),
        }
        Ok(attempt)
    }
}

/// Pools take names whatever their case, unless they were made otherwise; then the case of a name that is
/// no user's makes no visible difference.
fn unknown(key: &HashKey, user_name: &str) -> Subject {
    let name = user_name.trim().to_lowercase();
    Subject::UnknownName { hash: key.hash("sign-in.unknown-name", &[name.as_bytes()]) }
}

impl std::fmt::Debug for SignInGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInGuard").field("policy", &self.settings.policy).finish_non_exhaustive()
    }
}
