//! The queue of messages that the function `deliver` sends later. The caller waits for the
//! acceptance, not for the delivery.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Notice, toll_fraud::Destination};
use crate::kernel::{EmailAddress, HashKey, OneTimeCode, PhoneNumber, PortError, UserId};

/// Queues messages for the function `deliver`.
///
/// Contract: returns as soon as the queue accepts the message. The queue may deliver a message more than
/// once. The message has an identity, so that it is sent once.
#[async_trait]
pub trait MessageQueue: Send + Sync + std::fmt::Debug {
    async fn enqueue(&self, message: &OutboundMessage) -> Result<(), PortError>;
}

/// Draws the codes of custom challenges.
///
/// Contract: the code is random and drawn here, never derived and never queued. One conditional write stores
/// its hash. If the code is drawn again for the same message (the first worker died), the later code counts.
/// Returns `None` if the challenge has ended.
#[async_trait]
pub trait ChallengeCodes: Send + Sync + std::fmt::Debug {
    async fn draw(&self, message: &ChallengeCode) -> Result<Option<OneTimeCode>, PortError>;
}

/// A message in the queue. It holds addresses, but never a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OutboundMessage {
    /// Draw a code for a challenge and send it.
    ChallengeCode(ChallengeCode),
    /// Notify a user of a change.
    Notification(Notification),
    /// Notify a user of a recovery by e-mail, with the code and the link that stops it. Both are made when
    /// the message is sent.
    Recovery(RecoveryNotification),
    /// Send nothing. A challenge of a user who does not exist takes the same way.
    Decoy,
}

/// A request to draw and send a code. Challenge, round and send attempt together identify the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeCode {
    pub nonce: String,
    pub round_index: u32,
    /// The number of the code, from 1. A repeated code request has the next number.
    pub send_attempt: u32,
    pub client_id: String,
    pub to: Recipient,
    /// The message states this time, and it is not sent afterwards.
    #[serde(with = "seconds")]
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The id of the change's audit line, or another id that is the same for the same change.
    pub id: uuid::Uuid,
    pub notice: Notice,
    /// The user's name for the authenticator or device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(with = "seconds")]
    pub at: Timestamp,
    pub to: Recipient,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryNotification {
    #[serde(flatten)]
    pub notice: Notification,
    /// The key of the recovery case. It is no secret.
    pub case: String,
    /// The URL that the link leads to.
    pub page: String,
    /// The owner's time to stop the recovery.
    pub wait_hours: u32,
}

/// The secrets in a recovery's e-mail. They are derived from the case's key with `MFA_RECOVERY_KEY` and not
/// stored.
#[derive(Clone)]
pub struct MailedRecovery {
    key: HashKey,
    case: String,
}

impl MailedRecovery {
    pub fn new(key: HashKey, case: &str) -> Self {
        Self { key, case: case.to_owned() }
    }

    /// Returns the code: 96 bits, in groups of four, in the alphabet of recovery codes.
    pub fn code(&self) -> String {
        let hash = self.key.hash("recovery.mailed-code", &[self.case.as_bytes()]).to_ascii_uppercase();
        let groups: Vec<_> = hash.as_bytes().chunks(4).take(6).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }

    /// Returns the token that proves that a link came from the e-mail: 32 hexadecimal digits.
    pub fn stop_token(&self) -> String {
        self.key.hash("recovery.stop", &[self.case.as_bytes()])
    }

    pub fn link(&self, page: &str) -> String {
        format!("{page}/{}/{}", self.case, self.stop_token())
    }
}

impl fmt::Debug for MailedRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailedRecovery(..)")
    }
}

/// The recipient of a message. `Debug` prints no address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Recipient {
    pub user: UserId,
    pub user_name: String,
    pub destination: Destination,
    pub is_verified: bool,
    /// BCP 47 tags from the client or the profile, most wanted first.
    pub locales: Vec<String>,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("user", &self.user)
            .field("channel", &self.destination.channel())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    user: String,
    user_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    is_verified: bool,
    #[serde(default)]
    locales: Vec<String>,
}

/// The payload is not an [`OutboundMessage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an outbound message")]
pub struct InvalidOutboundMessage;

impl TryFrom<Wire> for Recipient {
    type Error = InvalidOutboundMessage;

    fn try_from(wire: Wire) -> Result<Self, InvalidOutboundMessage> {
        let phone = wire.phone_number.as_deref().map(PhoneNumber::parse).transpose();
        let email = wire.email.as_deref().map(EmailAddress::parse).transpose();
        let destination =
            match (phone.map_err(|_| InvalidOutboundMessage)?, email.map_err(|_| InvalidOutboundMessage)?) {
                (Some(number), None) => Destination::Sms(number),
                (None, Some(address)) => Destination::Email(address),
                (Some(_), Some(_)) | (None, None) => return Err(InvalidOutboundMessage),
            };
        Ok(Self {
            user: UserId::parse(&wire.user).map_err(|_| InvalidOutboundMessage)?,
            user_name: wire.user_name,
            destination,
            is_verified: wire.is_verified,
            locales: wire.locales,
        })
    }
}

impl From<Recipient> for Wire {
    fn from(recipient: Recipient) -> Self {
        let (phone_number, email) = match &recipient.destination {
            Destination::Sms(number) => (Some(number.expose().to_owned()), None),
            Destination::Email(address) => (None, Some(address.expose())),
        };
        Self {
            user: recipient.user.as_str().to_owned(),
            user_name: recipient.user_name,
            phone_number,
            email,
            is_verified: recipient.is_verified,
            locales: recipient.locales,
        }
    }
}

/// Serialises times as whole seconds since the epoch.
mod seconds {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_second())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_second(i64::deserialize(deserializer)?).map_err(|_| D::Error::custom("not a time"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn messages() -> Vec<OutboundMessage> {
        let to = |destination| Recipient {
            user: UserId::parse("a1b2").unwrap(),
            user_name: "canary-name".into(),
            destination,
            is_verified: true,
            locales: vec!["de".into()],
        };
        let at = Timestamp::from_second(1_767_323_045).unwrap();
        vec![
            OutboundMessage::ChallengeCode(ChallengeCode {
                nonce: "6f".into(),
                round_index: 3,
                send_attempt: 1,
                client_id: "client".into(),
                to: to(Destination::Sms(PhoneNumber::parse("+12025550123").unwrap())),
                expires_at: at,
            }),
            OutboundMessage::Notification(Notification {
                id: uuid::Uuid::from_u128(7),
                notice: Notice::AuthenticatorAdded,
                name: Some("Phone".into()),
                at,
                to: to(Destination::Email(EmailAddress::parse("canary@example.com").unwrap())),
            }),
            OutboundMessage::Decoy,
        ]
    }

    #[test]
    fn messages_round_trip_and_print_no_address() {
        for message in messages() {
            let packed = serde_json::to_value(&message).unwrap();
            assert_eq!(serde_json::from_value::<OutboundMessage>(packed).unwrap(), message);
            let printed = format!("{message:?}");
            assert!(!printed.contains("canary") && !printed.contains("2025550123"), "{printed}");
        }
    }

    #[test]
    fn an_invalid_message_is_refused() {
        let code = serde_json::to_value(&messages()[0]).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut changed = code.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            changed
        };
        let mut two = code.clone();
        two["to"]["email"] = json!("alex@example.com");
        for other in [
            json!({}),
            json!({ "kind": "letter" }),
            with("/to/phoneNumber", json!(null)),
            with("/to/phoneNumber", json!("0123")),
            with("/to/user", json!("")),
            with("/expiresAt", json!(i64::MAX)),
            two,
        ] {
            assert!(serde_json::from_value::<OutboundMessage>(other.clone()).is_err(), "{other}");
        }
    }
}
