use std::sync::Arc;

use jiff::Timestamp;

use super::{Attempt, BackOff, SignInLedger, Subject, is_surge};
use crate::{
    config::{Environment, policy::SignInPolicy},
    kernel::{HashKey, PortError, UserId},
    telemetry::Metric,
};

/// The settings of [`SignInGuard`].
#[derive(Debug, Clone)]
pub struct SignInSettings {
    policy: SignInPolicy,
    /// The key for hashing unknown names. It is present only if attempts are refused.
    names: Option<HashKey>,
}

impl SignInSettings {
    /// Reads the settings. `MFA_HASH_KEY` is needed only if the policy sets `sign_in.enforce`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().sign_in;
        let names = policy.enforce.then(|| environment.hash_key());
        Self { policy, names }
    }

    pub fn guard(self, ledger: Arc<dyn SignInLedger>) -> SignInGuard {
        SignInGuard { settings: self, ledger }
    }
}

/// Counts attempts. If the policy says so, it refuses those that come too fast.
#[derive(Debug)]
pub struct SignInGuard {
    settings: SignInSettings,
    ledger: Arc<dyn SignInLedger>,
}

impl SignInGuard {
    pub fn policy(&self) -> &SignInPolicy {
        &self.settings.policy
    }

    /// Counts an attempt. `user_name` is the typed text if the user is unknown. Known and unknown names take
    /// the same path: one write, the same back-off and the same answer.
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
            // Unknown names share their counters, so a large number does not concern one user.
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

/// Returns the subject of an unknown name. Pools ignore the case of names by default. In a case-sensitive
/// pool, the case of an unknown name makes no visible difference.
fn unknown(key: &HashKey, user_name: &str) -> Subject {
    let name = user_name.trim().to_lowercase();
    Subject::UnknownName { hash: key.hash("sign-in.unknown-name", &[name.as_bytes()]) }
}
