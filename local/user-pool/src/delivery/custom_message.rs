//! The `CustomMessage` trigger (cognito.md §1.11).

use serde_json::{Value, json};

use super::templates::{self, CODE_PLACEHOLDER, USERNAME_PLACEHOLDER, Wording};
use super::{Delivery, Occasion};
use crate::UserPools;
use crate::ports::Channel;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::triggers::event::with_metadata;
use crate::triggers::{self, Event, Trigger};

/// The function's wording; `None` if there is no function, or it leaves this channel to the pool.
pub(super) async fn ask(pools: &UserPools, delivery: &Delivery<'_>) -> Result<Option<Wording>, ApiError> {
    let Some(function) = &delivery.pool.settings.lambda_config.custom_message else {
        return Ok(None);
    };
    let invites = delivery.occasion == Occasion::AdminCreateUser;
    let request = json!({
        "userAttributes": delivery.user.event_attributes(delivery.pool),
        "codeParameter": CODE_PLACEHOLDER,
        "linkParameter": "{##Click Here##}",
        "usernameParameter": invites.then_some(USERNAME_PLACEHOLDER),
    });
    let event = Event {
        pool: delivery.pool,
        client_id: delivery.client_id,
        source: format!("CustomMessage_{:?}", delivery.occasion),
        username: &delivery.user.username,
        version: "1",
        request: with_metadata(request, delivery.metadata),
        response: Some(json!({"smsMessage": null, "emailMessage": null, "emailSubject": null})),
    };
    let response = triggers::invoke(pools, Trigger::CustomMessage, function, event).await?;
    let text = |name: &str| match response.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(triggers::unrecognizable()),
    };
    let (sms, email, subject) = (text("smsMessage")?, text("emailMessage")?, text("emailSubject")?);
    if (email.is_some() || subject.is_some()) && !delivery.pool.settings.email_configuration.is_developer() {
        return Err(invalid(
            "Email message and subject can be customized only with a developer e-mail account",
        ));
    }
    for (message, limit) in [(&sms, 140), (&email, 20_000)] {
        if let Some(message) = message {
            if message.chars().count() > limit {
                return Err(invalid("Message is too long"));
            }
            if !message.contains(CODE_PLACEHOLDER) || invites && !message.contains(USERNAME_PLACEHOLDER) {
                return Err(invalid("Message lacks a parameter"));
            }
        }
    }
    if subject.as_ref().is_some_and(|subject| subject.chars().count() > 140) {
        return Err(invalid("Subject is too long"));
    }
    let standard = templates::wording(delivery);
    Ok(match delivery.channel() {
        Channel::Sms => sms.map(|text| Wording { subject: None, text: templates::fill(&text, delivery) }),
        Channel::Email if email.is_none() && subject.is_none() => None,
        Channel::Email => Some(Wording {
            subject: subject.map(|subject| templates::fill(&subject, delivery)).or(standard.subject),
            text: email.map_or(standard.text, |text| templates::fill(&text, delivery)),
        }),
    })
}

fn invalid(what: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidLambdaResponse, what)
}
