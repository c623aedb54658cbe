use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort, rules};
use crate::{
    config::RecoveryClient,
    kernel::{Clock, Refusal},
    rules::{RuleAction, Rules},
    sign_in::{Attempt, SignInGuard, admit},
};

/// The longest delay of a sign-in if the table is slow.
const LIMIT: Duration = Duration::from_millis(1_500);

/// Evaluates the operator's rules, then counts the attempt (cognito.md §1.7). Known and unknown users take
/// the same path: one decision, one write. An attempt that a rule refuses is not counted, so that a
/// maintenance window locks no user out.
#[derive(Debug)]
pub struct PreAuthentication {
    guard: SignInGuard,
    rules: Option<Arc<dyn Rules>>,
    clock: Arc<dyn Clock>,
    recovery: RecoveryClient,
}

impl PreAuthentication {
    pub fn new(guard: SignInGuard, rules: Option<Arc<dyn Rules>>, clock: Arc<dyn Clock>) -> Self {
        Self { guard, rules, clock, recovery: RecoveryClient::default() }
    }

    /// Counts no attempts at the recovery client. They are not sign-ins, and recovery has limits of its own.
    #[must_use]
    pub fn with_recovery_client(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }
}

impl Trigger for PreAuthentication {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        admit(self.guard.policy())?;
        let now = self.clock.now();
        if let Some(rules) = &self.rules {
            rules::ask(rules.as_ref(), RuleAction::SignIn, event, now)?;
        }
        if self.recovery.is(event.client_id()) {
            return Ok(Map::new());
        }
        // Without the table every attempt passes. Cognito's own back-off still protects the password.
        let attempt = self.guard.attempt(event.user(), event.user_name(), now);
        match best_effort("sign_in.attempt", LIMIT, attempt).await {
            Some(Attempt::Refused) => Err(Refusal::TooManyAttempts.into()),
            Some(Attempt::Counted(_)) | None => Ok(Map::new()),
        }
    }
}
