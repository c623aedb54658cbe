use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    custom_auth::port::StateKey,
    delivery::Channel,
    factors::{
        VerificationRequests,
        custom::{Change, ChangeOutcome, CustomFactorStore, CustomFactors, PoolFactorNote},
        devices::{DeviceId, DeviceLabels},
        enrolment::FriendlyDeviceName,
    },
    kernel::{PortError, UserId},
};

use super::InMemoryTable;

#[async_trait]
impl DeviceLabels for InMemoryTable {
    async fn labels(&self, user: &UserId) -> Result<BTreeMap<DeviceId, FriendlyDeviceName>, PortError> {
        Ok(self.state()?.labels.get(user).cloned().unwrap_or_default())
    }

    async fn label(
        &self,
        user: &UserId,
        id: &DeviceId,
        label: Option<&FriendlyDeviceName>,
    ) -> Result<(), PortError> {
        let mut state = self.state()?;
        let labels = state.labels.entry(user.clone()).or_default();
        match label {
            Some(label) => labels.insert(id.clone(), label.clone()),
            None => labels.remove(id),
        };
        Ok(())
    }
}

#[async_trait]
impl CustomFactorStore for InMemoryTable {
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError> {
        Ok(self.state()?.custom_factors.get(user).cloned().unwrap_or_default())
    }

    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError> {
        let mut state = self.state()?;
        let kept = state.custom_factors.entry(user.clone()).or_default();
        let is_used_up = change.step.is_some_and(|step| kept.last_step.is_some_and(|last| step <= last));
        if kept.revision != seen || is_used_up {
            return Ok(ChangeOutcome::Overtaken);
        }
        *kept = kept.changed(change);
        if let Some(sign_ins) = state.sign_ins.get_mut(&StateKey::User(user.clone())) {
            sign_ins.forgive_factors(&change.forgives);
        }
        Ok(ChangeOutcome::Done)
    }

    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError> {
        let mut state = self.state()?;
        let kept = state.custom_factors.entry(user.clone()).or_default();
        kept.devices.clear();
        (kept.factor_epoch, kept.revision) = (kept.factor_epoch + 1, kept.revision + 1);
        Ok(())
    }

    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.revoke_devices(user).await?;
        self.state()?.custom_factors.entry(user.clone()).or_default().pool_totp_stopped_at = Some(at);
        Ok(())
    }

    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError> {
        let mut state = self.state()?;
        match note {
            PoolFactorNote::On(since) => {
                let kept = state.custom_factors.entry(user.clone()).or_default();
                if kept.pool_factor_since.is_none() {
                    (kept.pool_factor_since, kept.had_factor) = (Some(since), true);
                }
            }
            PoolFactorNote::Missing => {
                if let Some(kept) = state.custom_factors.get_mut(user)
                    && kept.pool_factor_since.take().is_some()
                {
                    kept.had_factor = true;
                }
            }
            PoolFactorNote::TurnedOff => {
                if let Some(kept) = state.custom_factors.get_mut(user) {
                    kept.pool_factor_since = None;
                    if kept.authenticators.is_empty() && kept.passkeys.is_empty() && kept.recovery.is_empty()
                    {
                        kept.had_factor = false;
                    }
                }
            }
        }
        Ok(())
    }

    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError> {
        let mut state = self.state()?;
        if let Some(sign_ins) = state.sign_ins.get_mut(&StateKey::User(user.clone())) {
            sign_ins.forgive();
        }
        Ok(())
    }

    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError> {
        if let Some(kept) = self.state()?.custom_factors.get_mut(user) {
            kept.pool_totp_stopped_at = None;
        }
        Ok(())
    }
}

#[async_trait]
impl VerificationRequests for InMemoryTable {
    async fn take(
        &self,
        user: &UserId,
        channel: Channel,
        now: Timestamp,
        free_since: Timestamp,
    ) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), channel);
        if state.verification_requests.get(&key).is_some_and(|asked_at| *asked_at > free_since) {
            return Ok(false);
        }
        state.verification_requests.insert(key, now);
        Ok(true)
    }

    async fn give_back(&self, user: &UserId, channel: Channel, taken_at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), channel);
        if state.verification_requests.get(&key) == Some(&taken_at) {
            state.verification_requests.remove(&key);
        }
        Ok(())
    }
}
