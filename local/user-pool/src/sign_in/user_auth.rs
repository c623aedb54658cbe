//! Choice-based sign-in, `USER_AUTH` (cognito.md §3.10): the offer, the choice, and the first factors that are no
//! password.

use serde_json::Map;

use super::first_factor::{FirstFactor, Situation, available};
use super::initiate::check_may_sign_in;
use super::respond::Answers;
use super::{Flow, Initiation, Outcome, Stage, Turn, auto_sign_in, mfa};
use crate::UserPools;
use crate::delivery;
use crate::model::secret::Secret;
use crate::model::user::UserStatus;
use crate::protocol::error::{ApiError, ErrorCode};

/// `AuthParameters` of step-up authentication (cognito.md §3.9).
const STEP_UP: [&str; 3] = ["TARGET_ACR_VALUES", "MAX_AGE", "ACCESS_TOKEN"];

/// The members of a request that a first factor may need.
struct Given<'a> {
    password: Option<&'a str>,
    srp_a: Option<&'a str>,
}

pub(super) async fn begin(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    // Tokens of a lower level than the client requested would be wrong.
    if STEP_UP.iter().any(|name| initiation.optional(name).is_some()) {
        return Err(ApiError::new(
            ErrorCode::UnsupportedOperation,
            "Step-up is not built in the local user pool.",
        ));
    }
    if let Some(session) = &initiation.session {
        return auto_sign_in::begin(pools, initiation, session).await;
    }
    let preferred = initiation.optional("PREFERRED_CHALLENGE").map(FirstFactor::parse).transpose()?;
    match preferred {
        Some(FirstFactor::Password) => initiation.migrate(pools).await?,
        Some(FirstFactor::PasswordSrp) => _ = initiation.required("SRP_A")?,
        _ => {}
    }
    let turn = initiation.turn(pools, Flow::Choice)?;
    turn.pre_authenticate(initiation.metadata.as_ref()).await?;
    let choices = turn.choices();
    match preferred.filter(|factor| choices.contains(factor)) {
        Some(factor) => {
            let given =
                Given { password: initiation.optional("PASSWORD"), srp_a: initiation.optional("SRP_A") };
            turn.ask_first_factor(factor, &given).await
        }
        None => turn.ask_choice(choices),
    }
}

impl Turn<'_> {
    pub(super) fn choices(&self) -> Vec<FirstFactor> {
        available(&match &self.user {
            Some(user) => Situation::of(&self.pool, user),
            None => Situation::invented(&self.pool),
        })
    }

    pub(super) fn ask_choice(self, choices: Vec<FirstFactor>) -> Result<Outcome, ApiError> {
        if choices.is_empty() {
            return Err(ApiError::wrong_credentials());
        }
        Ok(self.challenge(Stage::SelectChallenge(choices), Map::new()))
    }

    async fn ask_first_factor(self, factor: FirstFactor, given: &Given<'_>) -> Result<Outcome, ApiError> {
        match (factor, given) {
            (FirstFactor::Password, Given { password: Some(password), .. }) => {
                self.check_password(password).await
            }
            (FirstFactor::Password, _) => Ok(self.challenge(Stage::Password, Map::new())),
            (FirstFactor::PasswordSrp, Given { srp_a: Some(srp_a), .. }) => self.begin_password_proof(srp_a),
            (FirstFactor::PasswordSrp, _) => Ok(self.challenge(Stage::PasswordSrp, Map::new())),
            (FirstFactor::EmailOtp | FirstFactor::SmsOtp, _) => self.ask_first_code(factor).await,
            (FirstFactor::WebAuthn, _) => self.ask_passkey(),
        }
    }

    /// The answer to `SELECT_CHALLENGE`: the choice in `ANSWER`, or as the answer's own `ChallengeName`.
    pub(super) async fn answer_choice(
        self,
        choices: &[FirstFactor],
        challenge: &str,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let chosen = if challenge == "SELECT_CHALLENGE" { answers.required("ANSWER")? } else { challenge };
        let factor = choices.iter().copied().find(|choice| choice.as_str() == chosen);
        let factor = factor.ok_or_else(|| ApiError::invalid_parameter("Invalid challenge selected."))?;
        self.pools.sessions.consume(session, self.pools.now())?;
        let given = Given { password: answers.optional("PASSWORD"), srp_a: answers.optional("SRP_A") };
        self.ask_first_factor(factor, &given).await
    }

    /// The answer to `PASSWORD`. Right or wrong, the session is used.
    pub(super) async fn answer_password(self, session: &str, answers: &Answers) -> Result<Outcome, ApiError> {
        let password = answers.required("PASSWORD")?;
        self.pools.sessions.consume(session, self.pools.now())?;
        self.check_password(password).await
    }

    /// The answer to `PASSWORD_SRP`.
    pub(super) fn answer_srp_a(self, session: &str, answers: &Answers) -> Result<Outcome, ApiError> {
        let srp_a = answers.required("SRP_A")?;
        self.pools.sessions.consume(session, self.pools.now())?;
        self.begin_password_proof(srp_a)
    }

    /// Sends a one-time password. For an unknown user, the response is the same and the pool sends no message.
    async fn ask_first_code(self, factor: FirstFactor) -> Result<Outcome, ApiError> {
        let attribute = factor.attribute().unwrap_or_default();
        let Some(user) = &self.user else {
            let destination =
                delivery::simulated_destination(self.pools, &self.pool, self.username(), attribute);
            let parameters = self.delivery_parameters(attribute, &destination);
            return Ok(self.challenge(Stage::FirstCode { factor, code: None }, parameters));
        };
        // An unconfirmed user may sign in: the code confirms the address and the user.
        if user.status != UserStatus::Unconfirmed {
            check_may_sign_in(user)?;
        } else if !user.enabled {
            return Err(ApiError::user_disabled());
        }
        self.refuse_locked_factors()?;
        let code = delivery::new_first_factor_code();
        self.deliver_code(user, attribute, &code).await?;
        let parameters = self.delivery_parameters(attribute, user.attribute(attribute).unwrap_or_default());
        Ok(self.challenge(Stage::FirstCode { factor, code: Some(Secret::new(code)) }, parameters))
    }

    fn delivery_parameters(&self, attribute: &str, destination: &str) -> Map<String, serde_json::Value> {
        let mut parameters = self.parameters([
            ("CODE_DELIVERY_DELIVERY_MEDIUM", delivery::medium(attribute).to_owned()),
            ("CODE_DELIVERY_DESTINATION", delivery::mask(attribute, destination)),
        ]);
        parameters.insert("USER_ID_FOR_SRP".to_owned(), self.srp_name().into());
        parameters
    }

    /// A wrong code leaves the session usable (cognito.md §3.2). A right one verifies the address and confirms the
    /// user.
    pub(super) async fn answer_first_code(
        mut self,
        factor: FirstFactor,
        code: Option<&Secret>,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let given = answers.required(match factor {
            FirstFactor::SmsOtp => "SMS_OTP_CODE",
            _ => "EMAIL_OTP_CODE",
        })?;
        let (Some(code), Some(user)) = (code, self.user.clone()) else {
            return Err(mfa::wrong_code());
        };
        self.refuse_locked_factors()?;
        if !code.matches(given) {
            self.record_wrong_factor()?;
            return Err(mfa::wrong_code());
        }
        let now = self.pools.now();
        self.pools.store.update_user(&self.pool.id, &user.sub, |user| {
            self.pools.sessions.consume(session, now)?;
            user.mfa_failures = None;
            if let Some(attribute) = factor.attribute() {
                user.set_verified(attribute, true);
            }
            if user.status == UserStatus::Unconfirmed {
                user.status = UserStatus::Confirmed;
            }
            user.modified = now;
            Ok(())
        })?;
        self.reload_user();
        self.first_factor_proven().await
    }

    /// Continues after a first factor other than a password. Only a risky sign-in needs another factor.
    pub(super) async fn first_factor_proven(mut self) -> Result<Outcome, ApiError> {
        check_may_sign_in(self.known_user()?)?;
        self.answer_risk().await?;
        self.ask_second_factor().await
    }
}
