use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort, codes_arrived};
use crate::{
    audit::{Action, AuditTrail, Entry},
    config::RecoveryClient,
    delivery::Governor,
    kernel::{Clock, Entropy, PortError, UserId},
    sign_in::SignInLedger,
};

/// The user waits for tokens meanwhile.
const LIMIT: Duration = Duration::from_millis(500);

/// Notes a completed sign-in (COGNITO.md §1.8). Best effort: an error here would fail the sign-in.
pub struct PostAuthentication {
    ledger: Arc<dyn SignInLedger>,
    governor: Governor,
    trail: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    recovery: RecoveryClient,
}

impl PostAuthentication {
    pub fn new(
        ledger: Arc<dyn SignInLedger>,
        governor: Governor,
        trail: Arc<dyn AuditTrail>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { ledger, governor, trail, clock, entropy, recovery: RecoveryClient::default() }
    }

    /// At this client nobody completes a sign-in: the last gate refuses tokens afterwards.
    #[must_use]
    pub fn sparing(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }

    /// Only pools that remember devices say so (COGNITO.md §1.8).
    async fn note_new_device(&self, user: &UserId, event: Event<'_>) -> Result<(), PortError> {
        if !event.flag("newDeviceUsed") {
            return Ok(());
        }
        let entry =
            Entry::new(self.clock.as_ref(), self.entropy.as_ref(), user.clone(), Action::NewDeviceUsed)?;
        self.trail.append(&entry).await
    }
}

impl Trigger for PostAuthentication {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let Some(user) = event.user() else {
            tracing::warn!("the event names no user");
            return Ok(Map::new());
        };
        if self.recovery.is(event.client_id()) {
            return Ok(Map::new());
        }
        let now = self.clock.now();
        futures::join!(
            best_effort("sign_in.complete", LIMIT, self.ledger.complete(&user, now)),
            best_effort("delivery.settle", LIMIT, codes_arrived(&self.governor, &user, event, now)),
            best_effort("audit.append", LIMIT, self.note_new_device(&user, event)),
        );
        Ok(Map::new())
    }
}

impl std::fmt::Debug for PostAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostAuthentication")
    }
}
