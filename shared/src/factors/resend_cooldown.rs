use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::FactorFault;
use crate::{
    config::GovernorPolicy,
    delivery::{Budgets, Channel, Requester},
    kernel::{Clock, PortError, UserId},
    telemetry,
};

/// Keeps when a code to an address was asked for last.
///
/// Contract: each method is one conditional write. Of racing calls of `take` that find the channel free one
/// takes it; `give_back` frees it only of the very taking that is given back.
#[async_trait]
pub trait VerificationRequests: Send + Sync {
    /// Takes the user's channel at `now`, if it was not taken after `free_since`. In milliseconds.
    async fn take(
        &self,
        user: &UserId,
        channel: Channel,
        now: Timestamp,
        free_since: Timestamp,
    ) -> Result<bool, PortError>;

    async fn give_back(&self, user: &UserId, channel: Channel, taken_at: Timestamp) -> Result<(), PortError>;
}

/// Keeps codes to an address apart. The pool ends the code before with every new one, before the governor is
/// asked whether the new one is sent: within a cool-down the user would be left with none.
pub struct ResendCooldown {
    codes: Arc<dyn VerificationRequests>,
    budgets: Arc<dyn Budgets>,
    clock: Arc<dyn Clock>,
    policy: GovernorPolicy,
}

impl ResendCooldown {
    pub fn new(
        codes: Arc<dyn VerificationRequests>,
        budgets: Arc<dyn Budgets>,
        clock: Arc<dyn Clock>,
        policy: &GovernorPolicy,
    ) -> Self {
        Self { codes, budgets, clock, policy: policy.clone() }
    }

    /// Has `ask` done, which has the pool send a code, unless the governor would withhold it. What fails
    /// takes no time.
    pub(super) async fn apart<F>(&self, user: &UserId, channel: Channel, ask: F) -> Result<(), FactorFault>
    where
        F: Future<Output = Result<(), FactorFault>>,
    {
        if self.policy.dry_run {
            return ask.await;
        }
        let now = self.clock.now();
        let sent = self.budgets.history(user, channel).await?;
        if let Some(wait) = sent.cool_down_left(&self.policy, Requester::Authenticated, now) {
            return Err(FactorFault::Later { wait: wait.unsigned_abs() });
        }
        // What is on its way is not written there yet. What was asked for before a code arrived is over.
        let least = SignedDuration::from_secs(self.policy.cool_down_seconds.into());
        let free_since =
            now.saturating_sub(least).unwrap_or(now).max(sent.completed_at.unwrap_or(Timestamp::MIN));
        if !self.codes.take(user, channel, now, free_since).await? {
            return Err(FactorFault::Later {
                wait: Duration::from_secs(self.policy.cool_down_seconds.into()),
            });
        }
        let asked = ask.await;
        if asked.is_err()
            && let Err(fault) = self.codes.give_back(user, channel, now).await
        {
            telemetry::dependency_failed(&fault);
        }
        asked
    }

    /// Notes that a code was entered, so it has arrived. No trigger reports that.
    pub(super) async fn arrived(&self, user: &UserId, channel: Channel) {
        let settled = self.budgets.record_completion(user, channel, self.clock.now(), false).await;
        if let Err(fault) = settled {
            telemetry::dependency_failed(&fault);
        }
    }
}

impl std::fmt::Debug for ResendCooldown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResendCooldown")
    }
}
