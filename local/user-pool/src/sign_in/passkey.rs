//! `WEB_AUTHN`: a passkey as first factor (cognito.md §3.11).

use super::initiate::check_may_sign_in;
use super::respond::Answers;
use super::{Outcome, Stage, Turn};
use crate::passkeys::{Assertion, check_assertion};
use crate::protocol::error::ApiError;

impl Turn<'_> {
    pub(super) fn ask_passkey(self) -> Result<Outcome, ApiError> {
        let user = self.known_user()?;
        check_may_sign_in(user)?;
        let is_mfa = user.passkey_is_mfa(&self.pool);
        let Assertion { options, state } = Assertion::begin(&self.pool, user)?;
        let mut parameters = self.parameters([("CREDENTIAL_REQUEST_OPTIONS", options.to_string())]);
        parameters.remove("USER_ID_FOR_SRP");
        Ok(self.challenge(Stage::Passkey { state, is_mfa }, parameters))
    }

    /// The answer to `WEB_AUTHN`. Right or wrong, the session and its challenge are used.
    pub(super) async fn answer_passkey(
        mut self,
        state: &[u8],
        is_mfa: bool,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let credential = answers.required("CREDENTIAL")?;
        self.pools.sessions.consume(session, self.pools.now())?;
        let sub = self.known_user()?.sub.clone();
        let pool = &self.pool;
        // From the user as they are now: a counter counts once, a passkey that is gone is gone.
        self.pools
            .store
            .update_user(&pool.id, &sub, |user| check_assertion(pool, user, state, credential))?;
        self.reload_user();
        if !is_mfa {
            return self.first_factor_proven().await;
        }
        check_may_sign_in(self.known_user()?)?;
        self.answer_risk().await?;
        self.factors_done(None).await
    }
}
