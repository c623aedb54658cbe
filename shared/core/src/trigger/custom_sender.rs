use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::{
    config::RecoveryClient,
    delivery::{
        Channel, Purpose, Sender,
        send_leases::DeliveryId,
        send_request::{CodeSource, SendRequest},
        toll_fraud::Destination,
    },
    kernel::{EmailAddress, PhoneNumber, UserId, is_verified},
};

/// Sends codes and notices by SMS or e-mail for Cognito (cognito.md §1.15). Cognito invokes it
/// asynchronously: the response is discarded, and an error makes Lambda retry.
#[derive(Debug)]
pub struct CustomSender {
    sender: Sender,
    recovery: RecoveryClient,
}

impl CustomSender {
    pub fn new(sender: Sender) -> Self {
        Self { sender, recovery: RecoveryClient::default() }
    }

    /// Sends no codes for the recovery client, because its challenges are never answered.
    #[must_use]
    pub fn with_recovery_client(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }
}

impl Trigger for CustomSender {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        if self.recovery.is(event.client_id()) {
            return Ok(Map::new());
        }
        if let Some(request) = request(event, self.sender.channel()) {
            self.sender.handle(&request).await?;
        } else {
            // We could not tell this request from the next, so a repetition would send it twice.
            tracing::error!("event has neither a code nor an event id");
        }
        Ok(Map::new())
    }
}

fn request(event: Event<'_>, channel: Channel) -> Option<SendRequest<'_>> {
    let code = event.code();
    let identity = code.or_else(|| event.attribute("EVENT_ID"))?;
    // A risk notification names the user among its facts and has no profile.
    let user_name = event.attribute("USER_NAME").unwrap_or(event.user_name());
    let (destination, verified) = match channel {
        Channel::Sms => (
            event
                .attribute("phone_number")
                .and_then(|number| PhoneNumber::parse(number).ok())
                .map(Destination::Sms),
            "phone_number_verified",
        ),
        Channel::Email => (
            event
                .attribute("email")
                .and_then(|email| EmailAddress::parse(email).ok())
                .map(Destination::Email),
            "email_verified",
        ),
    };
    Some(SendRequest {
        id: DeliveryId::new(event.user_pool_id(), event.user_name(), event.source(), identity),
        user_pool_id: event.user_pool_id(),
        purpose: Purpose::of_source(event.source()),
        // An event with a profile has the `sub`. Without it, the name still distinguishes the user from
        // others.
        user: event.user().or_else(|| destination.as_ref().and(UserId::parse(user_name).ok())),
        user_name,
        destination,
        is_verified: is_verified(event.attribute(verified)),
        code: code.map_or(CodeSource::Nowhere, CodeSource::Sealed),
        expires_at: None,
        locales: [event.client_metadata("locale"), event.attribute("locale")].into_iter().flatten().collect(),
        facts: event.attributes().collect(),
    })
}
