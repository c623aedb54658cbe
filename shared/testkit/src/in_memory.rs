use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use shared::{
    audit::{AuditTrail, Entry},
    kernel::{PortError, UserId},
    sign_in::{SignInLedger, Subject},
    sign_up::{ConfirmedUsers, Recorded},
};

/// Every port that keeps state, in memory. [`InMemoryTable::fail`] makes all of them fail.
#[derive(Debug, Default)]
pub struct InMemoryTable {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failing: bool,
    confirmed: HashMap<UserId, Timestamp>,
    attempts: HashMap<Subject, u32>,
    completed: HashMap<UserId, Timestamp>,
    audit: Vec<Entry>,
}

impl InMemoryTable {
    /// From now on every call fails, as with a dead table.
    pub fn fail(&self) {
        self.lock().failing = true;
    }

    pub fn audit(&self) -> Vec<Entry> {
        self.lock().audit.clone()
    }

    pub fn last_sign_in(&self, user: &UserId) -> Option<Timestamp> {
        self.lock().completed.get(user).copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, PortError> {
        let state = self.lock();
        if state.failing { Err(PortError::new("table", "told to fail")) } else { Ok(state) }
    }
}

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
    async fn count_attempt(&self, subject: &Subject, _: Timestamp) -> Result<u32, PortError> {
        let mut state = self.state()?;
        let attempts = state.attempts.entry(subject.clone()).or_default();
        *attempts += 1;
        Ok(*attempts)
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
}

#[async_trait]
impl AuditTrail for InMemoryTable {
    async fn append(&self, entry: &Entry) -> Result<(), PortError> {
        let mut state = self.state()?;
        if state.audit.iter().all(|kept| kept.id != entry.id) {
            state.audit.push(entry.clone());
        }
        Ok(())
    }
}
