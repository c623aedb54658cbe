//! The second factor, where Cognito itself asks for one.

use serde_json::json;

use super::factor_choice::{Choice, Situation, choose};
use super::respond::Answers;
use super::risk::{self, ExtraFactor};
use super::{Flow, Outcome, SetUp, Stage, Turn};
use crate::delivery;
use crate::model::auth_event::EventChallenge;
use crate::model::secret::Secret;
use crate::model::user::{Factor, Failures};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::{password, totp};

impl Turn<'_> {
    /// After the password: the factor, the choice, the set-up, or the remembered device instead.
    pub(super) async fn ask_second_factor(self) -> Result<Outcome, ApiError> {
        let switches = self.pools.switches();
        let user = self.known_user()?;
        let choice = match self.attempt.watched.extra_factor {
            ExtraFactor::No => choose(&Situation::of(&self.pool, user, switches.recovery_address_only_fails)),
            ExtraFactor::IfConfigured => self.configured_factors()?,
            ExtraFactor::Required => match self.configured_factors()? {
                // It was there when the risk was answered.
                Choice::Nothing => return Err(risk::refused()),
                choice => choice,
            },
        };
        let replaceable = match &choice {
            Choice::Ask(Factor::Email) => switches.remembered_device_replaces_email_mfa,
            Choice::Ask(_) | Choice::Select(_) => true,
            Choice::Nothing | Choice::SetUp(_) | Choice::Impossible => false,
        };
        if replaceable && self.device_stands_for_mfa() {
            return Ok(self.ask_device());
        }
        match choice {
            Choice::Nothing => self.factors_done(None).await,
            Choice::Ask(factor) => self.ask_factor(factor).await,
            Choice::Select(factors) => Ok(self.ask_selection(factors)),
            Choice::SetUp(factors) => {
                let parameters = self.parameters([("MFAS_CAN_SETUP", json!(factors).to_string())]);
                Ok(self.challenge(Stage::MfaSetUp(SetUp::new(factors)), parameters))
            }
            Choice::Impossible => Err(ApiError::invalid_parameter(
                "User has no factor that is eligible for the MFA this user pool requires.",
            )),
        }
    }

    fn ask_selection(self, factors: Vec<Factor>) -> Outcome {
        let parameters = self.parameters([("MFAS_CAN_CHOOSE", json!(factors).to_string())]);
        self.challenge(Stage::SelectMfa(factors), parameters)
    }

    pub(super) async fn ask_factor(self, factor: Factor) -> Result<Outcome, ApiError> {
        self.refuse_locked_factors()?;
        let Some(attribute) = factor.attribute() else {
            let user = self.known_user()?;
            let name = user.software_token.as_ref().and_then(|token| token.friendly_name.clone());
            let mut parameters = self.parameters([]);
            if let Some(name) = name {
                parameters.insert("FRIENDLY_DEVICE_NAME".to_owned(), name.into());
            }
            return Ok(self.challenge(Stage::SoftwareToken, parameters));
        };
        let code = delivery::new_code();
        let user = self.known_user()?;
        self.deliver_code(user, attribute, &code).await?;
        let destination = user.attribute(attribute).unwrap_or_default();
        let parameters = self.parameters([
            ("CODE_DELIVERY_DELIVERY_MEDIUM", delivery::medium(attribute).to_owned()),
            ("CODE_DELIVERY_DESTINATION", delivery::mask(attribute, destination)),
        ]);
        Ok(self.challenge(Stage::Code { factor, code: Secret::new(code) }, parameters))
    }

    pub(super) async fn answer_selection(
        self,
        factors: &[Factor],
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let chosen = match answers.required("ANSWER")? {
            // The model's prose says EMAIL_MFA, the clients EMAIL_OTP (cognito.md §11).
            "EMAIL_MFA" => Factor::Email.as_str(),
            other => other,
        };
        let factor = factors.iter().find(|factor| factor.as_str() == chosen);
        let factor = *factor.ok_or_else(|| ApiError::invalid_parameter("Invalid MFA type selected."))?;
        self.pools.sessions.consume(session, self.pools.now())?;
        self.ask_factor(factor).await
    }

    /// A wrong code leaves the session usable (cognito.md §3.2).
    pub(super) async fn answer_code(
        mut self,
        factor: Factor,
        code: &Secret,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        self.refuse_locked_factors()?;
        let given = match factor {
            Factor::Sms => answers.required("SMS_MFA_CODE")?,
            _ => answers
                .required("EMAIL_OTP_CODE")
                .or_else(|missing| answers.required("EMAIL_MFA_CODE").map_err(|_| missing))?,
        };
        if !code.matches(given) {
            self.record_wrong_factor()?;
            return Err(wrong_code());
        }
        self.pools.sessions.consume(session, self.pools.now())?;
        let sub = self.known_user()?.sub.clone();
        if let Some(attribute) = factor.attribute() {
            // A code that came back proves the address (cognito.md §4.3).
            self.pools.store.update_user(&self.pool.id, &sub, |user| {
                user.mfa_failures = None;
                user.set_verified(attribute, true);
                Ok(())
            })?;
        }
        self.reload_user();
        self.factors_done(Some(factor)).await
    }

    pub(super) async fn answer_software_token(
        mut self,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        self.refuse_locked_factors()?;
        let code = answers.required("SOFTWARE_TOKEN_MFA_CODE")?;
        let now = self.pools.now();
        let sub = self.known_user()?.sub.clone();
        let checked = self.pools.store.update_user(&self.pool.id, &sub, |user| {
            let token = user.software_token.as_mut().ok_or_else(no_software_token)?;
            match totp::check(token, code, now) {
                totp::Verdict::Used => Err(ApiError::new(
                    ErrorCode::ExpiredCode,
                    "Your software token has already been used once.",
                )),
                totp::Verdict::Right(step) if token.verified => {
                    self.pools.sessions.consume(session, now)?;
                    totp::mark_used(token, step);
                    user.mfa_failures = None;
                    Ok(())
                }
                // Associated again and not verified yet: neither the old seed nor the new one counts.
                totp::Verdict::Right(_) | totp::Verdict::Wrong => {
                    Err(ApiError::new(ErrorCode::CodeMismatch, "Invalid code received for user"))
                }
            }
        });
        if let Err(error) = checked {
            if error.code == ErrorCode::CodeMismatch {
                self.record_wrong_factor()?;
            }
            return Err(error);
        }
        self.reload_user();
        self.factors_done(Some(Factor::SoftwareToken)).await
    }

    /// Cognito's factors are over; in custom authentication Define goes on.
    pub(super) async fn factors_done(mut self, factor: Option<Factor>) -> Result<Outcome, ApiError> {
        if let Some(factor) = factor {
            self.log_answer(EventChallenge::Mfa, true)?;
            self.remember(factor.as_str(), true, None);
        }
        match self.attempt.flow {
            Flow::Custom if factor.is_none() || self.pools.switches().define_after_mfa => self.define().await,
            Flow::Custom | Flow::Password | Flow::Choice => self.ask_device_or_finish().await,
        }
    }

    pub(super) fn refuse_locked_factors(&self) -> Result<(), ApiError> {
        let failures = self.user.as_ref().and_then(|user| user.mfa_failures);
        let locks = self.pools.switches().lock_after_wrong_mfa_codes;
        if locks && password::is_locked(failures, self.pools.now()) {
            return Err(password::attempts_exceeded());
        }
        Ok(())
    }

    pub(super) fn record_wrong_factor(&self) -> Result<(), ApiError> {
        self.log_answer(EventChallenge::Mfa, false)?;
        if !self.pools.switches().lock_after_wrong_mfa_codes {
            return Ok(());
        }
        let now = self.pools.now();
        let sub = &self.known_user()?.sub;
        self.pools.store.update_user(&self.pool.id, sub, |user| {
            let failures: Failures = password::after_failure(user.mfa_failures, now);
            user.mfa_failures = Some(failures);
            Ok(())
        })
    }
}

pub(super) fn wrong_code() -> ApiError {
    ApiError::new(ErrorCode::CodeMismatch, "Invalid code or auth state for the user.")
}

fn no_software_token() -> ApiError {
    ApiError::new(ErrorCode::SoftwareTokenMFANotFound, "Software Token MFA does not exist for the user.")
}
