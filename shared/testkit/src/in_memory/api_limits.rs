use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    kernel::{PortError, UserId},
};

use super::InMemoryTable;

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) hash: RequestHash,
    pub(super) holder: KeyHolder,
    pub(super) until: Timestamp,
    pub(super) ended: Option<StoredResponse>,
}

#[async_trait]
impl RateCounts for InMemoryTable {
    async fn count(&self, counter: &RateCounter, start: Timestamp, most: u32) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let calls = state.counted.entry((counter.clone(), start)).or_default();
        let is_counted = *calls < most;
        *calls += u32::from(is_counted);
        Ok(is_counted)
    }
}

#[async_trait]
impl IdempotencyStore for InMemoryTable {
    async fn claim(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        request: &RequestHash,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<KeyClaim, PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), key.clone());
        if let Some(kept) = state.requests.get(&key)
            && now < kept.until
            && kept.holder != *holder
        {
            return Ok(KeyClaim::Taken { request: kept.hash.clone(), ended: kept.ended.clone() });
        }
        let claimed = Request { hash: request.clone(), holder: holder.clone(), until, ended: None };
        state.requests.insert(key, claimed);
        Ok(KeyClaim::Granted)
    }

    async fn store_response(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        ended: &StoredResponse,
        until: Timestamp,
    ) -> Result<KeyRelease, PortError> {
        let mut state = self.state()?;
        let kept = state.requests.get_mut(&(user.clone(), key.clone()));
        let Some(kept) = kept.filter(|kept| kept.holder == *holder) else { return Ok(KeyRelease::TakenOver) };
        (kept.ended, kept.until) = (Some(ended.clone()), until);
        Ok(KeyRelease::Done)
    }

    async fn release(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
    ) -> Result<KeyRelease, PortError> {
        let mut state = self.state()?;
        let kept = state.requests.get_mut(&(user.clone(), key.clone()));
        let Some(kept) = kept.filter(|kept| kept.holder == *holder) else { return Ok(KeyRelease::TakenOver) };
        kept.until = Timestamp::UNIX_EPOCH;
        Ok(KeyRelease::Done)
    }
}
