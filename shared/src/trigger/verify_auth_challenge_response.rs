use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, signing_in};
use crate::custom_auth::Verifier;

/// Judges the answer to a custom challenge (cognito.md §1.14).
#[derive(Debug)]
pub struct VerifyAuthChallengeResponse(Verifier);

impl VerifyAuthChallengeResponse {
    pub fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

impl Trigger for VerifyAuthChallengeResponse {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let said = event.parameter("challengeAnswer").unwrap_or_default();
        let named = event.client_metadata("nonce");
        let private = |name: &str| event.private_parameter(name);
        let is_right = self.0.verify(&signing_in(event), private, said, named).await?;
        Ok(Map::from_iter([("answerCorrect".to_owned(), Value::Bool(is_right))]))
    }
}
