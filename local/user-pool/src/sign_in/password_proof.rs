//! The first factor: the password, by SRP or as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::initiate::check_may_sign_in;
use super::respond::Answers;
use super::{Flow, Initiation, Outcome, Stage, Turn};
use crate::UserPools;
use crate::model::auth_event::EventChallenge;
use crate::model::user::{PasswordVerifier, UserStatus};
use crate::password;
use crate::protocol::error::ApiError;
use crate::srp::{self, Exchange};

pub(super) async fn begin_srp(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    let srp_a = initiation.required("SRP_A")?;
    let turn = initiation.turn(pools, Flow::Password)?;
    turn.pre_authenticate(initiation.metadata.as_ref()).await?;
    turn.begin_password_proof(srp_a)
}

pub(super) async fn check_password(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    let password = initiation.required("PASSWORD")?;
    initiation.migrate(pools).await?;
    let turn = initiation.turn(pools, Flow::Password)?;
    turn.pre_authenticate(initiation.metadata.as_ref()).await?;
    turn.check_password(password).await
}

/// The server's half of SRP, for unknown users as well.
pub(super) fn exchange(turn: &Turn<'_>, srp_a: &str) -> Result<Exchange, ApiError> {
    let PasswordVerifier { salt, verifier } = turn.verifier();
    let identity = password::identity(&turn.pool, turn.srp_name().as_str());
    Exchange::begin(identity, srp_a, &salt, &verifier)
        .ok_or_else(|| ApiError::invalid_parameter("Invalid SRP_A"))
}

impl Turn<'_> {
    /// Opens the SRP exchange that the client's half begins.
    pub(super) fn begin_password_proof(self, srp_a: &str) -> Result<Outcome, ApiError> {
        self.refuse_before_password()?;
        let exchange = exchange(&self, srp_a)?;
        Ok(self.ask_password_proof(exchange))
    }

    /// Checks the password itself.
    pub(super) async fn check_password(self, password: &str) -> Result<Outcome, ApiError> {
        self.refuse_before_password()?;
        let stored = self.verifier();
        let right = password::matches(&self.pool, self.username(), &stored, password);
        self.password_checked(right).await
    }

    /// What is said whatever the password is.
    fn refuse_before_password(&self) -> Result<(), ApiError> {
        let Some(user) = &self.user else { return Ok(()) };
        if user.status == UserStatus::ResetRequired {
            return Err(ApiError::password_reset_required());
        }
        let locks = self.pools.switches().lock_after_wrong_passwords;
        if locks && password::is_locked(user.password_failures, self.pools.now()) {
            return Err(password::attempts_exceeded());
        }
        Ok(())
    }

    /// The user's verifier, or one that no password fits.
    fn verifier(&self) -> PasswordVerifier {
        if let Some(stored) = self.user.as_ref().and_then(|user| user.password.clone()) {
            stored
        } else {
            let identity = password::identity(&self.pool, self.username());
            let (salt, verifier) = srp::simulate(&self.pools.simulation_seed, &identity);
            PasswordVerifier { salt, verifier }
        }
    }

    /// `USER_ID_FOR_SRP`: in a pool whose users have no names of their own, strangers get a UUID too.
    pub(super) fn srp_name(&self) -> String {
        if self.user.is_none() && !self.pool.username_attributes().is_empty() {
            return self.pools.simulated_uuid(&self.pool.id, self.username());
        }
        self.username().to_owned()
    }

    pub(super) fn ask_password_proof(self, exchange: Exchange) -> Outcome {
        let name = self.srp_name();
        let mut parameters = self.parameters([
            ("SALT", exchange.salt_hex().to_owned()),
            ("SRP_B", exchange.srp_b()),
            ("SECRET_BLOCK", STANDARD.encode(exchange.secret_block())),
            ("USERNAME", name.clone()),
        ]);
        parameters.insert("USER_ID_FOR_SRP".to_owned(), name.into());
        self.challenge(Stage::PasswordVerifier(Box::new(exchange)), parameters)
    }

    /// The answer to `PASSWORD_VERIFIER`. Right or wrong, the session is used.
    pub(super) async fn answer_password_proof(
        self,
        exchange: &Exchange,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let signature = answers.required("PASSWORD_CLAIM_SIGNATURE")?;
        let secret_block = answers.required("PASSWORD_CLAIM_SECRET_BLOCK")?;
        let timestamp = answers.required("TIMESTAMP")?;
        self.pools.sessions.consume(session, self.pools.now())?;
        // Many exchanges may have been begun before the lock.
        self.refuse_before_password()?;
        let right = accepts(exchange, signature, secret_block, timestamp);
        self.password_checked(right).await
    }

    async fn password_checked(mut self, right: bool) -> Result<Outcome, ApiError> {
        let Some(user) = self.user.clone().filter(|_| right) else {
            self.record_failure()?;
            self.log_answer(EventChallenge::Password, false)?;
            return Err(ApiError::wrong_credentials());
        };
        check_may_sign_in(&user)?;
        let now = self.pools.now();
        if user.temporary_password_expires.is_some_and(|expires| expires <= now) {
            return Err(ApiError::not_authorized(
                "Temporary password has expired and must be reset by an administrator.",
            ));
        }
        if user.password_failures.is_some() {
            self.pools.store.update_user(&self.pool.id, &user.sub, |user| {
                user.password_failures = None;
                Ok(())
            })?;
            self.reload_user();
        }
        self.log_answer(EventChallenge::Password, true)?;
        if self.attempt.flow != Flow::Custom {
            self.answer_risk().await?;
        }
        let must_change = user.status == UserStatus::ForceChangePassword;
        match self.attempt.flow {
            Flow::Custom => {
                self.remember("PASSWORD_VERIFIER", true, None);
                // Define is to name NEW_PASSWORD_REQUIRED; Cognito's own MFA comes after it.
                if must_change { self.define().await } else { self.ask_second_factor().await }
            }
            Flow::Password | Flow::Choice if must_change => Ok(self.ask_new_password(&user)),
            Flow::Password | Flow::Choice => self.ask_second_factor().await,
        }
    }

    fn record_failure(&self) -> Result<(), ApiError> {
        let Some(user) = &self.user else { return Ok(()) };
        let now = self.pools.now();
        self.pools.store.update_user(&self.pool.id, &user.sub, |user| {
            user.password_failures = Some(password::after_failure(user.password_failures, now));
            Ok(())
        })
    }
}

/// Base64 that doesn't decode proves nothing.
pub(super) fn accepts(exchange: &Exchange, signature: &str, secret_block: &str, timestamp: &str) -> bool {
    match (STANDARD.decode(signature), STANDARD.decode(secret_block)) {
        (Ok(signature), Ok(secret_block)) => {
            is_timestamp(timestamp) && exchange.accepts(&signature, &secret_block, timestamp)
        }
        _ => false,
    }
}

/// Whether a text has the one format that Cognito reads: `Tue Nov 3 09:05:07 UTC 2026` (cognito.md §3.7). A
/// day with a leading zero, another language or another zone is a wrong answer.
fn is_timestamp(text: &str) -> bool {
    let parsed = jiff::civil::DateTime::strptime("%a %b %d %H:%M:%S UTC %Y", text);
    parsed.is_ok_and(|time| time.strftime("%a %b %-d %H:%M:%S UTC %Y").to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_one_format() {
        for right in
            ["Tue Nov 3 09:05:07 UTC 2026", "Thu Dec 31 23:59:59 UTC 2026", "Thu Feb 29 00:00:00 UTC 2024"]
        {
            assert!(is_timestamp(right), "{right}");
        }
        for wrong in [
            "Tue Nov 03 09:05:07 UTC 2026",
            "Tue Nov 3 9:05:07 UTC 2026",
            "Mon Nov 3 09:05:07 UTC 2026",
            "Di Nov 3 09:05:07 UTC 2026",
            "Tue Nov 3 09:05:07 GMT 2026",
            "Tue Nov 3 09:05:07 UTC 26",
            "2026-11-03T09:05:07Z",
            "tue nov 3 09:05:07 UTC 2026",
            "",
        ] {
            assert!(!is_timestamp(wrong), "{wrong}");
        }
    }
}
