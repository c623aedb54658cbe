use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort, codes_arrived};
use crate::{
    audit::{AuditAction, AuditEntry, AuditTrail},
    config::RecoveryClient,
    delivery::{
        MessageQueue, Notice, Notification, OutboundMessage, Recipient,
        toll_fraud::{Destination, Governor},
    },
    kernel::{Clock, EmailAddress, Entropy, PortError, UserId, is_verified},
    sign_in::{SignInLedger, new_device_id},
};

/// The longest delay, because the user waits for tokens meanwhile.
const LIMIT: Duration = Duration::from_millis(500);

/// Records a completed sign-in (cognito.md §1.8). Best effort, because an error here would fail the sign-in.
#[derive(Debug)]
pub struct PostAuthentication {
    ledger: Arc<dyn SignInLedger>,
    governor: Governor,
    trail: Arc<dyn AuditTrail>,
    queue: Option<Arc<dyn MessageQueue>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    recovery: RecoveryClient,
}

impl PostAuthentication {
    /// Creates the trigger. Without a `queue` no user is notified of new devices.
    pub fn new(
        ledger: Arc<dyn SignInLedger>,
        governor: Governor,
        trail: Arc<dyn AuditTrail>,
        queue: Option<Arc<dyn MessageQueue>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { ledger, governor, trail, queue, clock, entropy, recovery: RecoveryClient::default() }
    }

    /// Counts nothing for the recovery client. No sign-in completes there, because the token gate refuses
    /// tokens.
    #[must_use]
    pub fn with_recovery_client(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }

    /// Records a new device. Only pools that remember devices report one (cognito.md §1.8).
    async fn note_new_device(&self, user: &UserId, event: Event<'_>) -> Result<(), PortError> {
        if !event.flag("newDeviceUsed") {
            return Ok(());
        }
        let entry = AuditEntry::new(
            self.clock.as_ref(),
            self.entropy.as_ref(),
            user.clone(),
            AuditAction::NewDeviceUsed,
        )?;
        self.trail.append(&entry).await
    }

    /// Notifies a verified e-mail address only. A thief of the device may hold the phone as well.
    async fn tell_of_new_device(
        &self,
        user: &UserId,
        event: Event<'_>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let email = event.attribute("email").filter(|_| is_verified(event.attribute("email_verified")));
        let (Some(queue), true, Some(email)) = (
            &self.queue,
            event.flag("newDeviceUsed"),
            email.and_then(|email| EmailAddress::parse(email).ok()),
        ) else {
            return Ok(());
        };
        let to = Recipient {
            user: user.clone(),
            user_name: event.user_name().to_owned(),
            destination: Destination::Email(email),
            is_verified: true,
            locales: event.locales().into_iter().map(ToOwned::to_owned).collect(),
        };
        let id = new_device_id(user, event.client_id(), now);
        let message = Notification { id, notice: Notice::NewDevice, name: None, at: now, to };
        queue.enqueue(&OutboundMessage::Notification(message)).await
    }
}

impl Trigger for PostAuthentication {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let Some(user) = event.user() else {
            tracing::warn!("event names no user");
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
            best_effort("queue.enqueue", LIMIT, self.tell_of_new_device(&user, event, now)),
        );
        Ok(Map::new())
    }
}
