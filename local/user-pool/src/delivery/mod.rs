//! How a code or a temporary password reaches its user: a custom sender if the pool has one for the
//! channel, else Cognito's own message, in the words of the `CustomMessage` trigger or the pool.

mod custom_message;
mod custom_sender;
mod esdk;
mod takeover_notification;
mod templates;

use serde_json::{Value, json};

use crate::UserPools;
use crate::entropy;
use crate::model::pool::Pool;
use crate::model::user::User;
use crate::ports::{Channel, Message};
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

pub(crate) use takeover_notification::{TakeoverNotification, notify_of_takeover};

/// What a message is for: the part of its trigger sources after `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    SignUp,
    ResendCode,
    ForgotPassword,
    UpdateUserAttribute,
    VerifyUserAttribute,
    Authentication,
    AdminCreateUser,
}

/// One message to one user.
pub(crate) struct Delivery<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client_id: &'a str,
    /// As triggers are to see them: with a new address already in place, if it is one.
    pub(crate) user: &'a User,
    pub(crate) occasion: Occasion,
    /// `email` or `phone_number`.
    pub(crate) attribute: &'a str,
    /// A one-time code or a temporary password.
    pub(crate) secret: &'a str,
    pub(crate) metadata: Option<&'a Metadata>,
}

impl Delivery<'_> {
    fn channel(&self) -> Channel {
        if self.attribute == "email" { Channel::Email } else { Channel::Sms }
    }

    fn destination(&self) -> &str {
        self.user.attribute(self.attribute).unwrap_or_default()
    }
}

/// Sends it and tells what the caller may know: `CodeDeliveryDetails`.
pub(crate) async fn deliver(pools: &UserPools, delivery: &Delivery<'_>) -> Result<Value, ApiError> {
    if !custom_sender::send(pools, delivery).await? {
        let wording = match custom_message::ask(pools, delivery).await? {
            Some(wording) => wording,
            None => templates::wording(delivery),
        };
        pools.config.outbox.deliver(Message {
            channel: delivery.channel(),
            to: delivery.destination().to_owned(),
            subject: wording.subject,
            text: wording.text,
            code: Some(delivery.secret.to_owned()),
        });
    }
    Ok(details(delivery.attribute, delivery.destination()))
}

/// `CodeDeliveryDetailsType`.
pub(crate) fn details(attribute: &str, destination: &str) -> Value {
    json!({
        "Destination": mask(attribute, destination),
        "DeliveryMedium": medium(attribute),
        "AttributeName": attribute,
    })
}

pub(crate) fn medium(attribute: &str) -> &'static str {
    if attribute == "email" { "EMAIL" } else { "SMS" }
}

/// `t***@t***` and `+*******0123`.
pub(crate) fn mask(attribute: &str, destination: &str) -> String {
    let initial = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    if attribute == "email" {
        let (local, domain) = destination.split_once('@').unwrap_or((destination, ""));
        return format!("{}***@{}***", initial(local), initial(domain));
    }
    let digits: Vec<char> = destination.chars().skip(1).collect();
    let hidden = digits.len().saturating_sub(4);
    let shown: String = digits.into_iter().skip(hidden).collect();
    format!("+{}{shown}", "*".repeat(hidden))
}

/// Six digits, each value equally likely.
pub(crate) fn new_code() -> String {
    entropy::text(entropy::DIGITS, 6)
}

/// Eight digits: what a one-time password as first factor has (cognito.md §1.15).
pub(crate) fn new_first_factor_code() -> String {
    entropy::text(entropy::DIGITS, 8)
}

/// Where a code for a user who isn't there is said to go: the same place each time.
pub(crate) fn simulated_details(pools: &UserPools, pool: &Pool, name: &str) -> Value {
    let phone_first = !pool.auto_verifies("email") && pool.auto_verifies("phone_number");
    let attribute = if phone_first { "phone_number" } else { "email" };
    details(attribute, &simulated_destination(pools, pool, name, attribute))
}

/// The address of a user who isn't there: the same each time.
pub(crate) fn simulated_destination(pools: &UserPools, pool: &Pool, name: &str, attribute: &str) -> String {
    if attribute == "phone_number" {
        let digits = pools.simulated_number(&pool.id, name);
        return format!("+1555555{:04}", digits % 10_000);
    }
    let number = pools.simulated_number(&pool.id, name);
    let letter = |n: u64| char::from(b'a'.wrapping_add(u8::try_from(n % 26).unwrap_or_default()));
    let local = name.chars().next().filter(|_| name.contains('@')).unwrap_or_else(|| letter(number));
    let domain = name.split_once('@').and_then(|(_, domain)| domain.chars().next());
    format!("{local}@{}", domain.unwrap_or_else(|| letter(number / 26)))
}
