use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, signing_in};
use crate::custom_auth::AnswerVerifier;

/// Checks the answer to a custom challenge (cognito.md §1.14).
#[derive(Debug)]
pub struct VerifyAuthChallengeResponse(AnswerVerifier);

impl VerifyAuthChallengeResponse {
    pub fn new(verifier: AnswerVerifier) -> Self {
        Self(verifier)
    }
}

impl Trigger for VerifyAuthChallengeResponse {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let answer = event.parameter("challengeAnswer").unwrap_or_default();
        let named = event.client_metadata("nonce");
        let private = |name: &str| event.private_parameter(name);
        let is_right = self.0.verify(&signing_in(event), private, answer, named).await?;
        Ok(Map::from_iter([("answerCorrect".to_owned(), Value::Bool(is_right))]))
    }
}
