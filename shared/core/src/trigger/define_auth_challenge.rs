use serde_json::{Map, Value, json};

use super::{Event, Trigger, TriggerFault, signing_in};
use crate::custom_auth::{DefineDecision, SignIns};

/// Decides the next step of a custom sign-in (cognito.md §1.12).
#[derive(Debug)]
pub struct DefineAuthChallenge(SignIns);

impl DefineAuthChallenge {
    pub fn new(sign_ins: SignIns) -> Self {
        Self(sign_ins)
    }
}

impl Trigger for DefineAuthChallenge {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let defined = self.0.define(&signing_in(event), &event.session()).await?;
        let challenge = match defined {
            DefineDecision::Password => Some("PASSWORD_VERIFIER"),
            DefineDecision::NewPassword => Some("NEW_PASSWORD_REQUIRED"),
            DefineDecision::Challenge => Some("CUSTOM_CHALLENGE"),
            DefineDecision::IssueTokens | DefineDecision::Fail => None,
        };
        // At most one of the three is set. We set all members, so that none keeps its incoming value.
        Ok(Map::from_iter([
            ("challengeName".to_owned(), json!(challenge)),
            ("issueTokens".to_owned(), json!(defined == DefineDecision::IssueTokens)),
            ("failAuthentication".to_owned(), json!(defined == DefineDecision::Fail)),
        ]))
    }
}
