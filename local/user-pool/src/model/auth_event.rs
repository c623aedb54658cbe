//! A sign-in as threat protection remembers it (cognito.md §4.9). Without `Debug`: addresses are not
//! for logs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::risk::RiskLevel;
use super::secret::Secret;
use super::wire_time;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthEvent {
    /// `event_id` of the tokens that come of it.
    pub(crate) id: String,
    pub(crate) sub: String,
    pub(crate) created: Timestamp,
    pub(crate) ip_address: String,
    pub(crate) outcome: EventOutcome,
    pub(crate) decision: RiskDecision,
    pub(crate) level: Option<RiskLevel>,
    pub(crate) answers: Vec<AnsweredChallenge>,
    /// Given out in the notification.
    pub(crate) feedback_token: Option<Secret>,
    pub(crate) feedback: Option<Feedback>,
}

/// `EventResponse`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventOutcome {
    Pass,
    Fail,
    InProgress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RiskDecision {
    NoRisk,
    AccountTakeover,
    Block,
}

/// `ChallengeName` of `ChallengeResponseType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventChallenge {
    Password,
    Mfa,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AnsweredChallenge {
    pub(crate) challenge: EventChallenge,
    pub(crate) right: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Feedback {
    /// `Valid` or `Invalid`.
    pub(crate) value: String,
    /// `Admin` or `User`.
    pub(crate) provider: String,
    pub(crate) given: Timestamp,
}

impl AuthEvent {
    /// The shape `AuthEventType`. The location of the address is unknown here.
    pub(crate) fn describe(&self) -> Value {
        let answers: Vec<_> = self
            .answers
            .iter()
            .map(|answer| {
                let result = if answer.right { "Success" } else { "Failure" };
                json!({"ChallengeName": answer.challenge, "ChallengeResponse": result})
            })
            .collect();
        let feedback = self.feedback.as_ref().map(|feedback| {
            json!({
                "FeedbackValue": feedback.value,
                "Provider": feedback.provider,
                "FeedbackDate": wire_time(feedback.given),
            })
        });
        json!({
            "EventId": self.id,
            "EventType": "SignIn",
            "CreationDate": wire_time(self.created),
            "EventResponse": self.outcome,
            "EventRisk": {
                "RiskDecision": self.decision,
                "RiskLevel": self.level,
                "CompromisedCredentialsDetected": false,
            },
            "ChallengeResponses": answers,
            "EventContextData": {"IpAddress": self.ip_address},
            "EventFeedback": feedback,
        })
    }
}
