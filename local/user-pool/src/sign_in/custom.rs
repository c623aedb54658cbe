//! Custom authentication: Define, Create and Verify (cognito.md §1.12–1.14).

use serde_json::{Map, Value, json};

use super::respond::Answers;
use super::{ChallengeResult, Outcome, Stage, Turn};
use crate::model::auth_event::EventOutcome;
use crate::model::user::UserStatus;
use crate::protocol::error::ApiError;
use crate::triggers::event::with_metadata;
use crate::triggers::{Trigger, unrecognizable};

pub(super) fn not_configured() -> ApiError {
    ApiError::invalid_parameter("Custom auth lambda trigger is not configured for the user pool.")
}

impl Turn<'_> {
    /// Adds to `session` of the coming events.
    pub(super) fn remember(&mut self, name: &'static str, right: bool, metadata: Option<String>) {
        self.attempt.history.push(ChallengeResult { name, right, metadata });
    }

    fn history(&self) -> Value {
        let item = |result: &ChallengeResult| {
            json!({
                "challengeName": result.name,
                "challengeResult": result.right,
                "challengeMetadata": result.metadata,
            })
        };
        self.attempt.history.iter().map(item).collect()
    }

    /// Asks Define what is next and does it.
    pub(super) async fn define(mut self) -> Result<Outcome, ApiError> {
        let lambda = &self.pool.settings.lambda_config;
        let function = lambda.define_auth_challenge.clone().ok_or_else(not_configured)?;
        let request = json!({"userAttributes": self.user_attributes(), "session": self.history()});
        let request = with_metadata(self.with_user_not_found(request), self.metadata.as_ref());
        let response = json!({"challengeName": null, "issueTokens": null, "failAuthentication": null});
        let source = "DefineAuthChallenge_Authentication";
        let answer =
            self.run_trigger(Trigger::DefineAuthChallenge, &function, source, request, response).await?;
        if flag(&answer, "failAuthentication")? {
            self.log_outcome(EventOutcome::Fail)?;
            return Err(ApiError::wrong_credentials());
        }
        if flag(&answer, "issueTokens")? {
            self.known_user()?;
            self.answer_risk().await?;
            self.attempt.tokens_granted = true;
            return self.ask_device_or_finish().await;
        }
        match optional_text(&answer, "challengeName")?.as_deref() {
            Some("CUSTOM_CHALLENGE") => self.create().await,
            Some("PASSWORD_VERIFIER") => match std::mem::replace(&mut self.attempt.stage, Stage::Begun) {
                Stage::PasswordVerifier(exchange) => Ok(self.ask_password_proof(*exchange)),
                _ => Err(unrecognizable()),
            },
            Some("NEW_PASSWORD_REQUIRED") => match self.user.clone() {
                Some(user) if user.status == UserStatus::ForceChangePassword => {
                    Ok(self.ask_new_password(&user))
                }
                _ => Err(unrecognizable()),
            },
            _ => Err(unrecognizable()),
        }
    }

    async fn create(self) -> Result<Outcome, ApiError> {
        let lambda = &self.pool.settings.lambda_config;
        let function = lambda.create_auth_challenge.clone().ok_or_else(not_configured)?;
        let request = json!({
            "userAttributes": self.user_attributes(),
            "challengeName": "CUSTOM_CHALLENGE",
            "session": self.history(),
        });
        let request = with_metadata(self.with_user_not_found(request), self.metadata.as_ref());
        let response = json!({
            "publicChallengeParameters": null,
            "privateChallengeParameters": null,
            "challengeMetadata": null,
        });
        let source = "CreateAuthChallenge_Authentication";
        let answer =
            self.run_trigger(Trigger::CreateAuthChallenge, &function, source, request, response).await?;
        let mut parameters = text_map(&answer, "publicChallengeParameters")?;
        let private_parameters = text_map(&answer, "privateChallengeParameters")?;
        let metadata = optional_text(&answer, "challengeMetadata")?;
        parameters.insert("USERNAME".to_owned(), self.username().into());
        Ok(self.challenge(Stage::Custom { private_parameters, metadata }, parameters))
    }

    /// The answer to `CUSTOM_CHALLENGE`. A wrong one is no error: Define decides.
    pub(super) async fn answer_custom(
        mut self,
        private_parameters: Map<String, Value>,
        metadata: Option<String>,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let answer = answers.present("ANSWER")?;
        let lambda = &self.pool.settings.lambda_config;
        let function = lambda.verify_auth_challenge_response.clone().ok_or_else(not_configured)?;
        self.pools.sessions.consume(session, self.pools.now())?;
        let request = json!({
            "userAttributes": self.user_attributes(),
            "privateChallengeParameters": private_parameters,
            "challengeAnswer": answer,
        });
        let request = with_metadata(self.with_user_not_found(request), self.metadata.as_ref());
        let source = "VerifyAuthChallengeResponse_Authentication";
        let trigger = Trigger::VerifyAuthChallengeResponse;
        let response =
            self.run_trigger(trigger, &function, source, request, json!({"answerCorrect": null})).await?;
        let right = flag(&response, "answerCorrect")?;
        self.remember("CUSTOM_CHALLENGE", right, metadata);
        self.define().await
    }
}

/// Absent and null are false.
fn flag(response: &Value, name: &str) -> Result<bool, ApiError> {
    match response.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(unrecognizable()),
    }
}

fn optional_text(response: &Value, name: &str) -> Result<Option<String>, ApiError> {
    match response.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(unrecognizable()),
    }
}

fn text_map(response: &Value, name: &str) -> Result<Map<String, Value>, ApiError> {
    match response.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(map.clone()),
        Some(_) => Err(unrecognizable()),
    }
}
