use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort};
use crate::{kernel::Clock, sign_in::SignInLedger};

/// The user waits for tokens meanwhile.
const LIMIT: Duration = Duration::from_millis(500);

/// Notes a completed sign-in (COGNITO.md §1.8). Best effort: an error here would fail the sign-in.
pub struct PostAuthentication {
    ledger: Arc<dyn SignInLedger>,
    clock: Arc<dyn Clock>,
}

impl PostAuthentication {
    pub fn new(ledger: Arc<dyn SignInLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }
}

impl Trigger for PostAuthentication {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let Some(user) = event.user() else {
            tracing::warn!("the event names no user");
            return Ok(Map::new());
        };
        best_effort("sign_in.complete", LIMIT, self.ledger.complete(&user, self.clock.now())).await;
        Ok(Map::new())
    }
}

impl std::fmt::Debug for PostAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostAuthentication")
    }
}
