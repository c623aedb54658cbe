//! `MFA_SETUP`: a user of a pool that demands a factor gets one while signing in. TOTP goes through
//! `AssociateSoftwareToken` and `VerifySoftwareToken` with the session; e-mail through a code.

use super::respond::Answers;
use super::{Attempt, Outcome, Stage, Subject, Turn, mfa};
use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::model::attributes::is_email;
use crate::model::client::Client;
use crate::model::secret::Secret;
use crate::model::user::{Factor, SoftwareToken, User};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::totp;

#[derive(Clone)]
pub(crate) struct SetUp {
    factors: Vec<Factor>,
    /// Handed out by `AssociateSoftwareToken` and not verified yet.
    pending_seed: Option<Secret>,
    verified: bool,
}

impl SetUp {
    pub(super) fn new(factors: Vec<Factor>) -> Self {
        Self { factors, pending_seed: None, verified: false }
    }
}

impl UserPools {
    /// `AssociateSoftwareToken` by session: the seed and the next session.
    pub(crate) fn associate_in_session(&self, session: &str) -> Result<(Secret, String), ApiError> {
        let (attempt, mut set_up) = self.open_set_up(session)?;
        let seed = totp::new_secret();
        set_up.pending_seed = Some(seed.clone());
        set_up.verified = false;
        let next = self.continue_set_up(session, &attempt, set_up)?;
        Ok((seed, next))
    }

    /// `VerifySoftwareToken` by session. A right code switches the factor on at once, whether or not
    /// `MFA_SETUP` is answered afterwards (cognito.md §4.8).
    pub(crate) fn verify_in_session(
        &self,
        session: &str,
        code: &str,
        friendly_name: Option<String>,
    ) -> Result<String, ApiError> {
        let (attempt, mut set_up) = self.open_set_up(session)?;
        let Subject::Known { sub } = &attempt.subject else {
            return Err(ApiError::invalid_session());
        };
        let seed = set_up.pending_seed.take().ok_or_else(no_seed)?;
        let mut token = SoftwareToken { secret: seed, verified: true, friendly_name, used_steps: Vec::new() };
        let totp::Verdict::Right(step) = totp::check(&token, code, self.now()) else {
            return Err(cannot_enable());
        };
        totp::mark_used(&mut token, step);
        set_up.verified = true;
        let next = self.continue_set_up(session, &attempt, set_up)?;
        self.store.update_user(&attempt.pool, sub, |user: &mut User| {
            user.software_token = Some(token);
            user.mfa.enabled.insert(Factor::SoftwareToken);
            Ok(())
        })?;
        Ok(next)
    }

    fn open_set_up(&self, session: &str) -> Result<(Attempt, SetUp), ApiError> {
        let attempt = Attempt::clone(&*self.sessions.peek(session, self.now())?);
        match &attempt.stage {
            Stage::MfaSetUp(set_up) => {
                let set_up = set_up.clone();
                if !set_up.factors.contains(&Factor::SoftwareToken) {
                    return Err(not_enabled());
                }
                Ok((attempt, set_up))
            }
            _ => Err(ApiError::invalid_session()),
        }
    }

    fn continue_set_up(&self, session: &str, attempt: &Attempt, set_up: SetUp) -> Result<String, ApiError> {
        let (_, client) = self.store.client(&attempt.client)?;
        let client: &Client = &client;
        self.sessions.consume(session, self.now())?;
        let attempt = Attempt { stage: Stage::MfaSetUp(set_up), ..attempt.clone() };
        Ok(self.sessions.open(attempt, self.now(), client.session_validity()))
    }
}

impl Turn<'_> {
    pub(super) async fn answer_set_up(
        self,
        set_up: &SetUp,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        if set_up.verified {
            self.pools.sessions.consume(session, self.pools.now())?;
            return self.factors_done(Some(Factor::SoftwareToken)).await;
        }
        // The guide says `email`, Amplify sends `EMAIL` (cognito.md §11).
        let address = answers.optional("EMAIL").or_else(|| answers.optional("email"));
        let Some(address) = address.filter(|_| set_up.factors.contains(&Factor::Email)) else {
            return Err(ApiError::invalid_parameter("User has not verified software token mfa"));
        };
        if !is_email(address) {
            return Err(ApiError::invalid_parameter("Invalid email address format."));
        }
        self.pools.sessions.consume(session, self.pools.now())?;
        let code = delivery::new_code();
        let mut user = User::clone(self.known_user()?);
        user.attributes.insert("email".to_owned(), address.to_owned());
        user.set_verified("email", false);
        let delivery = Delivery {
            pool: &self.pool,
            client_id: &self.client.id,
            user: &user,
            occasion: Occasion::Authentication,
            attribute: "email",
            secret: &code,
            metadata: self.metadata.as_ref(),
        };
        delivery::deliver(self.pools, &delivery).await?;
        let parameters = self.parameters([
            ("CODE_DELIVERY_DELIVERY_MEDIUM", delivery::medium("email").to_owned()),
            ("CODE_DELIVERY_DESTINATION", delivery::mask("email", address)),
        ]);
        let stage = Stage::EmailSetUp { address: address.to_owned(), code: Secret::new(code) };
        Ok(self.challenge(stage, parameters))
    }

    pub(super) async fn answer_email_set_up(
        mut self,
        address: &str,
        code: &Secret,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        if !code.matches(answers.required("EMAIL_OTP_CODE")?) {
            return Err(mfa::wrong_code());
        }
        let sub = self.known_user()?.sub.clone();
        let now = self.pools.now();
        self.pools.store.update_user(&self.pool.id, &sub, |user| {
            self.pools.sessions.consume(session, now)?;
            user.attributes.insert("email".to_owned(), address.to_owned());
            user.set_verified("email", true);
            user.mfa.enabled.insert(Factor::Email);
            user.modified = now;
            Ok(())
        })?;
        self.reload_user();
        self.factors_done(Some(Factor::Email)).await
    }
}

/// The code of `VerifySoftwareToken` is wrong.
pub(crate) fn cannot_enable() -> ApiError {
    ApiError::new(ErrorCode::EnableSoftwareTokenMFA, "Code mismatch and fail enable Software Token MFA")
}

pub(crate) fn no_seed() -> ApiError {
    ApiError::invalid_parameter("User has not set up software token mfa")
}

pub(crate) fn not_enabled() -> ApiError {
    ApiError::new(
        ErrorCode::SoftwareTokenMFANotFound,
        "Software Token MFA has not been enabled by the userPool",
    )
}
