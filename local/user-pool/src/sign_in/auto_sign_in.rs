//! Automatic sign-in after sign-up (cognito.md §3.10): the session goes from `SignUp` to `ConfirmSignUp` to
//! `InitiateAuth`.

use std::sync::Arc;

use super::first_factor::FirstFactor;
use super::initiate::check_may_sign_in;
use super::risk::Watched;
use super::{Attempt, Flow, Initiation, Outcome, Stage, Subject, Turn};
use crate::UserPools;
use crate::model::client::{Client, Permission};
use crate::model::pool::Pool;
use crate::protocol::error::ApiError;

impl UserPools {
    /// Returns `SignUp`'s session, for a client that may use `USER_AUTH`.
    pub(crate) fn open_sign_up(
        &self,
        pool: &Pool,
        client: &Client,
        sub: &str,
    ) -> Result<Option<String>, ApiError> {
        if !client.permits(Permission::UserAuth) {
            return Ok(None);
        }
        let subject = Subject::Known { sub: sub.to_owned() };
        let mut attempt = Attempt::new(pool, client, subject, Flow::Choice, Watched::begin(None)?);
        attempt.stage = Stage::SignedUp;
        Ok(Some(self.sessions.open(attempt, self.now(), client.session_validity())))
    }

    /// Returns `ConfirmSignUp`'s session. `attribute` got the code. `session` is that of `SignUp`: Amplify does not
    /// send it. Another one confirms without a new session.
    pub(crate) fn confirm_sign_up(
        &self,
        pool: &Pool,
        client: &Client,
        sub: &str,
        session: Option<&str>,
        attribute: &str,
    ) -> Result<Option<String>, ApiError> {
        let begun = match session {
            Some(session) => Some(session.to_owned()),
            None => self.open_sign_up(pool, client, sub)?,
        };
        Ok(begun.and_then(|session| self.continue_sign_up(client, sub, &session, attribute)))
    }

    fn continue_sign_up(&self, client: &Client, sub: &str, session: &str, attribute: &str) -> Option<String> {
        let now = self.now();
        let attempt = Attempt::clone(&*self.sessions.peek(session, now).ok()?);
        let is_own = attempt.client == client.id
            && matches!(&attempt.subject, Subject::Known { sub: signed_up } if signed_up == sub)
            && matches!(attempt.stage, Stage::SignedUp);
        if !is_own {
            return None;
        }
        self.sessions.consume(session, now).ok()?;
        let stage = Stage::SignUpConfirmed { attribute: attribute.to_owned() };
        Some(self.sessions.open(Attempt { stage, ..attempt }, now, client.session_validity()))
    }
}

/// `InitiateAuth` with the session of `ConfirmSignUp`: tokens, if the address that got the code could also have
/// signed the user in; else the choice. The parameters don't matter.
pub(super) async fn begin(
    pools: &UserPools,
    initiation: &Initiation,
    session: &str,
) -> Result<Outcome, ApiError> {
    let now = pools.now();
    let attempt = Attempt::clone(&*pools.sessions.peek(session, now)?);
    let (Stage::SignUpConfirmed { attribute }, Subject::Known { sub }) = (&attempt.stage, &attempt.subject)
    else {
        return Err(ApiError::invalid_session());
    };
    if attempt.pool != initiation.pool.id || attempt.client != initiation.client.id {
        return Err(ApiError::invalid_session());
    }
    let user = pools.store.user(&initiation.pool.id, sub).ok_or_else(ApiError::invalid_session)?;
    let attribute = attribute.clone();
    pools.sessions.consume(session, now)?;
    check_may_sign_in(&user)?;
    let watched = Watched::begin(initiation.address.as_deref())?;
    let subject = Subject::Known { sub: sub.clone() };
    let turn = Turn {
        pools,
        pool: Arc::clone(&initiation.pool),
        client: Arc::clone(&initiation.client),
        user: Some(user),
        attempt: Attempt::new(&initiation.pool, &initiation.client, subject, Flow::Choice, watched),
        metadata: None,
    };
    turn.refuse_blocked_address()?;
    turn.pre_authenticate(initiation.metadata.as_ref()).await?;
    let choices = turn.choices();
    let is_eligible = [FirstFactor::EmailOtp, FirstFactor::SmsOtp]
        .iter()
        .any(|factor| factor.attribute() == Some(attribute.as_str()) && choices.contains(factor));
    if is_eligible { turn.first_factor_proven().await } else { turn.ask_choice(choices) }
}
