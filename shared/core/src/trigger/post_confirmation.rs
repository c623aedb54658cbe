use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort, codes_arrived};
use crate::{
    delivery::{
        MessageQueue, Notice, Notification, OutboundMessage, Recipient,
        toll_fraud::{Destination, Governor},
    },
    factors::custom::CustomFactorStore,
    kernel::{Clock, EmailAddress, PhoneNumber, PortError, UserId, is_verified},
    recovery::port::Accounts,
    sign_in::SignInLedger,
    sign_up::{ConfirmedUsers, Recorded, UniqueAddresses, welcome_id},
};

/// The longest delay. Cognito waits 5 s, and the user is confirmed already.
const LIMIT: Duration = Duration::from_millis(2_500);

/// Records a confirmation (cognito.md §1.6). Best effort: the confirmation is valid, and an error here would
/// only tell the user that it failed.
#[derive(Debug)]
pub struct PostConfirmation {
    confirmed: Arc<dyn ConfirmedUsers>,
    ledger: Arc<dyn SignInLedger>,
    custom_factors: Arc<dyn CustomFactorStore>,
    governor: Governor,
    unique: Option<UniqueAddresses>,
    queue: Option<Arc<dyn MessageQueue>>,
    accounts: Option<Arc<dyn Accounts>>,
    clock: Arc<dyn Clock>,
}

impl PostConfirmation {
    pub fn new(
        confirmed: Arc<dyn ConfirmedUsers>,
        ledger: Arc<dyn SignInLedger>,
        custom_factors: Arc<dyn CustomFactorStore>,
        governor: Governor,
        unique: Option<UniqueAddresses>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { confirmed, ledger, custom_factors, governor, unique, queue: None, accounts: None, clock }
    }

    /// Makes the pool forget the user's devices when the password is reset.
    #[must_use]
    pub fn with_device_reset(self, accounts: Arc<dyn Accounts>) -> Self {
        Self { accounts: Some(accounts), ..self }
    }

    async fn forget_devices(&self, user_name: &str) -> Result<(), PortError> {
        match &self.accounts {
            Some(accounts) => accounts.forget_devices(user_name).await.map(drop),
            None => Ok(()),
        }
    }

    /// With a `queue`, welcomes users who completed a sign-up.
    #[must_use]
    pub fn with_welcome(self, queue: Option<Arc<dyn MessageQueue>>) -> Self {
        Self { queue, ..self }
    }

    /// Notifies a verified e-mail address only, because an unverified one may belong to another person. A
    /// repeated event queues the message again with the same id, so a crash in between loses nothing.
    async fn welcome(&self, user: &UserId, event: Event<'_>, now: Timestamp) -> Result<(), PortError> {
        let email = event.attribute("email").filter(|_| is_verified(event.attribute("email_verified")));
        let (Some(queue), Some(email)) =
            (&self.queue, email.and_then(|email| EmailAddress::parse(email).ok()))
        else {
            return Ok(());
        };
        let to = Recipient {
            user: user.clone(),
            user_name: event.user_name().to_owned(),
            destination: Destination::Email(email),
            is_verified: true,
            locales: event.locales().into_iter().map(ToOwned::to_owned).collect(),
        };
        let id = welcome_id(user);
        let message = Notification { id, notice: Notice::Welcome, name: None, at: now, to };
        queue.enqueue(&OutboundMessage::Notification(message)).await
    }

    /// Makes the sign-up's claim on its verified addresses firm.
    async fn keep_addresses(&self, user: &UserId, event: Event<'_>, now: Timestamp) -> Result<(), PortError> {
        let Some(unique) = &self.unique else { return Ok(()) };
        let verified =
            |name, verified| event.attribute(name).filter(|_| is_verified(event.attribute(verified)));
        let email = verified("email", "email_verified").and_then(|email| EmailAddress::parse(email).ok());
        let number = verified("phone_number", "phone_number_verified")
            .and_then(|number| PhoneNumber::parse(number).ok());
        unique.confirm(user, email.as_ref(), number.as_ref(), now).await
    }
}

impl Trigger for PostConfirmation {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let now = self.clock.now();
        match (event.source(), event.user()) {
            ("PostConfirmation_ConfirmSignUp", Some(user)) => {
                let (recorded, ..) = futures::join!(
                    best_effort("sign_up.record", LIMIT, self.confirmed.record(&user, now)),
                    best_effort("delivery.settle", LIMIT, codes_arrived(&self.governor, &user, event, now)),
                    best_effort("sign_up.keep_addresses", LIMIT, self.keep_addresses(&user, event, now)),
                    best_effort("queue.enqueue", LIMIT, self.welcome(&user, event, now)),
                );
                if recorded == Some(Recorded::First) {
                    tracing::info!("sign-up confirmed");
                }
            }
            // A user who set a new password with a mailed code starts with no attempts and no devices, neither
            // trusted nor remembered: the mailbox and a device must not be enough together.
            ("PostConfirmation_ConfirmForgotPassword", Some(user)) => {
                futures::join!(
                    best_effort("sign_in.reset", LIMIT, self.ledger.password_reset(&user, now)),
                    best_effort("factors.revoke", LIMIT, self.custom_factors.revoke_devices(&user)),
                    best_effort("pool.forget_devices", LIMIT, self.forget_devices(event.user_name())),
                    best_effort("delivery.settle", LIMIT, codes_arrived(&self.governor, &user, event, now)),
                );
            }
            (_, Some(_)) => {}
            (_, None) => tracing::warn!("event names no user"),
        }
        Ok(Map::new())
    }
}
