use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort};
use crate::{
    config::SignInPolicy,
    kernel::Clock,
    sign_in::{SignInLedger, Subject, admit, is_surge},
    telemetry::Metric,
};

/// What counting may cost a sign-in when the store is in trouble.
const LIMIT: Duration = Duration::from_millis(1_500);

/// Lets sign-ins pass and counts them (COGNITO.md §1.7). Known and unknown users take the same
/// path: one decision that does not ask who it is, one write.
pub struct PreAuthentication {
    policy: SignInPolicy,
    ledger: Arc<dyn SignInLedger>,
    clock: Arc<dyn Clock>,
}

impl PreAuthentication {
    pub fn new(policy: SignInPolicy, ledger: Arc<dyn SignInLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { policy, ledger, clock }
    }
}

impl Trigger for PreAuthentication {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        admit(&self.policy)?;
        let subject = event.user().map_or_else(|| Subject::unknown(event.user_name()), Subject::User);
        let counted = self.ledger.count_attempt(&subject, self.clock.now());
        let attempts = best_effort("sign_in.count_attempt", LIMIT, counted).await;
        // Unknown names share their counters: their number says nothing of one user.
        if let (Subject::User(_), Some(attempts)) = (&subject, attempts)
            && is_surge(&self.policy, attempts)
        {
            tracing::warn!(attempts, "many attempts without a completed sign-in");
            Metric::SignInSurge.emit();
        }
        Ok(Map::new())
    }
}

impl std::fmt::Debug for PreAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreAuthentication").field("policy", &self.policy).finish_non_exhaustive()
    }
}
