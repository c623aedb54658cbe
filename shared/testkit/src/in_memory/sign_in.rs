use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    assurance::{RecordedSignIn, SignInRecords},
    kernel::{PortError, UserId},
    sign_in::{Attempt, BackOff, History, SignInHistory, SignInLedger, Subject},
    sign_up::{ConfirmedUsers, Recorded},
};

use super::InMemoryTable;

#[async_trait]
impl ConfirmedUsers for InMemoryTable {
    async fn record(&self, user: &UserId, at: Timestamp) -> Result<Recorded, PortError> {
        let mut state = self.state()?;
        if state.confirmed.contains_key(user) {
            return Ok(Recorded::Before);
        }
        state.confirmed.insert(user.clone(), at);
        Ok(Recorded::First)
    }
}

#[async_trait]
impl SignInLedger for InMemoryTable {
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError> {
        let mut state = self.state()?;
        let (attempts, last) = state.attempts.entry(subject.clone()).or_insert((0, at));
        (*attempts, *last) = (*attempts + 1, at);
        Ok(*attempts)
    }

    async fn attempt(
        &self,
        subject: &Subject,
        back_off: &BackOff,
        at: Timestamp,
    ) -> Result<Attempt, PortError> {
        let mut state = self.state()?;
        let (attempts, last) = state.attempts.entry(subject.clone()).or_insert((0, at));
        if at.duration_since(*last) >= back_off.window() {
            *attempts = 0;
        }
        if at.duration_since(*last) < back_off.wait(*attempts) {
            return Ok(Attempt::Refused);
        }
        (*attempts, *last) = (*attempts + 1, at);
        Ok(Attempt::Counted(*attempts))
    }

    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        state.attempts.remove(&Subject::User(user.clone()));
        state.completed.insert(user.clone(), at);
        Ok(())
    }

    async fn reset(&self, user: &UserId) -> Result<(), PortError> {
        self.state()?.attempts.remove(&Subject::User(user.clone()));
        Ok(())
    }

    async fn password_reset(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        state.attempts.remove(&Subject::User(user.clone()));
        state.resets.insert(user.clone(), at);
        Ok(())
    }
}

#[async_trait]
impl SignInHistory for InMemoryTable {
    async fn history(&self, user: &UserId) -> Result<History, PortError> {
        let state = self.state()?;
        let of = |times: &HashMap<UserId, Timestamp>| {
            times.get(user).and_then(|at| Timestamp::from_second(at.as_second()).ok())
        };
        Ok(History { signed_in_at: of(&state.completed), password_reset_at: of(&state.resets) })
    }
}

#[async_trait]
impl SignInRecords for InMemoryTable {
    async fn record(&self, user: &UserId, sign_in: &RecordedSignIn) -> Result<(), PortError> {
        let mut state = self.state()?;
        let recorded = (user.clone(), sign_in.clone());
        if !state.recorded_sign_ins.contains(&recorded) {
            state.recorded_sign_ins.push(recorded);
        }
        Ok(())
    }

    async fn recorded(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RecordedSignIn>, PortError> {
        let state = self.state()?;
        let recorded = state.recorded_sign_ins.iter().filter(|(of, recorded)| {
            of == user && (from.as_second()..=until.as_second()).contains(&recorded.at.as_second())
        });
        Ok(recorded.map(|(_, recorded)| recorded.clone()).collect())
    }
}
