use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::FactorFault;
use crate::{
    config::policy::GovernorPolicy,
    delivery::{
        Channel,
        toll_fraud::{Budgets, Requester},
    },
    kernel::{Clock, PortError, UserId},
    telemetry,
};

/// Stores when a user last asked for a code to an address.
///
/// Contract: each method is one conditional write. Of racing `take` calls that find the channel free, one
/// takes it. `give_back` frees the channel only if the call that is given back still holds it.
#[async_trait]
pub trait VerificationRequests: Send + Sync + std::fmt::Debug {
    /// Takes the user's channel at `now`, if it was not taken after `free_since`. Times are in milliseconds.
    async fn take(
        &self,
        user: &UserId,
        channel: Channel,
        now: Timestamp,
        free_since: Timestamp,
    ) -> Result<bool, PortError>;

    async fn give_back(&self, user: &UserId, channel: Channel, taken_at: Timestamp) -> Result<(), PortError>;
}

/// Enforces a wait between codes to an address. With every new code, the pool ends the code before. Only then
/// does the governor decide whether the new code is sent. Within a cool-down, the user would have no valid
/// code.
#[derive(Debug)]
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

    /// Runs `ask`, which makes the pool send a code, unless the governor would withhold the code. If `ask`
    /// fails, the user need not wait.
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
        // The governor's history does not have a message that is still on its way. Requests before an entered
        // code no longer matter.
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

    /// Records that a code was entered, so it has arrived. No trigger reports that.
    pub(super) async fn arrived(&self, user: &UserId, channel: Channel) {
        let settled = self.budgets.record_completion(user, channel, self.clock.now(), false).await;
        if let Err(fault) = settled {
            telemetry::dependency_failed(&fault);
        }
    }
}
