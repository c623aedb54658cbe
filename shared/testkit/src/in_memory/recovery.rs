use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    factors::custom::RecoveryHash,
    kernel::{PortError, UserId},
    recovery::{
        CaseKey,
        case::Case,
        port::{AttemptKind, AttemptLimiter, Cases, RecoveryCodes, RedeemOutcome, SwapOutcome},
    },
};

use super::InMemoryTable;

#[async_trait]
impl Cases for InMemoryTable {
    async fn create(&self, key: &CaseKey, case: &Case) -> Result<(), PortError> {
        self.state()?.cases.insert(key.clone(), case.clone());
        Ok(())
    }

    async fn read(&self, key: &CaseKey) -> Result<Option<Case>, PortError> {
        Ok(self.state()?.cases.get(key).cloned())
    }

    async fn swap(&self, key: &CaseKey, seen: u64, after: &Case) -> Result<SwapOutcome, PortError> {
        let mut state = self.state()?;
        match state.cases.get_mut(key) {
            Some(case) if case.revision == seen => {
                *case = after.clone();
                Ok(SwapOutcome::Done)
            }
            _ => Ok(SwapOutcome::Overtaken),
        }
    }
}

#[async_trait]
impl AttemptLimiter for InMemoryTable {
    async fn admit(&self, attempt: &AttemptKind, most: u32, now: Timestamp) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let tries = state.tries.entry(attempt.clone()).or_default();
        tries.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(1));
        let is_admitted = tries.len() < usize::try_from(most).expect("a small number");
        if is_admitted {
            tries.push(now);
        }
        Ok(is_admitted)
    }
}

#[async_trait]
impl RecoveryCodes for InMemoryTable {
    async fn redeem(
        &self,
        user: &UserId,
        hash: &RecoveryHash,
        case: &CaseKey,
    ) -> Result<RedeemOutcome, PortError> {
        let mut state = self.state()?;
        let mine = (hash.clone(), case.clone());
        if state.custom_factors.get_mut(user).is_some_and(|factors| factors.recovery.remove(hash)) {
            state.spent.insert(user.clone(), mine);
            return Ok(RedeemOutcome::Done);
        }
        Ok(if state.spent.get(user) == Some(&mine) { RedeemOutcome::Done } else { RedeemOutcome::Unknown })
    }
}
