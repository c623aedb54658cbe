use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Authenticator, FactorId, MOST_AUTHENTICATORS, MOST_DEVICES, OwnFactors, RecoveryHash, TotpStep,
    TrustedDevice,
};
use crate::{factors::FriendlyDeviceName, kernel::Refusal};

/// What one write puts in the place of what was read. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub authenticators: Option<BTreeMap<FactorId, Authenticator>>,
    pub devices: Option<BTreeMap<FactorId, TrustedDevice>>,
    pub recovery: Option<BTreeSet<RecoveryHash>>,
    /// Uses this step up. Not possible if it, or a later one, is used up already.
    pub step: Option<TotpStep>,
    /// What can prove is another afterwards: the generation goes up.
    pub is_new_generation: bool,
}

impl Change {
    /// A change of factors: every trusted device is gone.
    pub(in crate::factors) fn of_factors() -> Self {
        Self { devices: Some(BTreeMap::new()), is_new_generation: true, ..Self::default() }
    }
}

impl OwnFactors {
    /// Begins an authenticator. It proves nothing yet; those that nobody finished make room.
    pub fn start_authenticator(
        &self,
        id: FactorId,
        authenticator: Authenticator,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let mut authenticators = self.authenticators.clone();
        authenticators.retain(|_, kept| !kept.is_abandoned(now));
        if authenticators.len() >= MOST_AUTHENTICATORS {
            return Err(Refusal::TooManyAuthenticators);
        }
        authenticators.insert(id, authenticator);
        Ok(Change { authenticators: Some(authenticators), ..Change::default() })
    }

    /// An authenticator that is being set up.
    pub fn unconfirmed(&self, id: &FactorId, now: Timestamp) -> Result<&Authenticator, Refusal> {
        let authenticator = self.authenticators.get(id).filter(|found| !found.is_abandoned(now));
        match authenticator {
            Some(authenticator) if authenticator.is_confirmed => Err(Refusal::AuthenticatorConfirmed),
            Some(authenticator) => Ok(authenticator),
            None => Err(Refusal::FactorNotFound),
        }
    }

    /// From now on the authenticator proves. `step` is the one whose code it has shown.
    #[must_use]
    pub fn confirm_authenticator(&self, id: &FactorId, step: TotpStep) -> Change {
        let mut authenticators = self.authenticators.clone();
        if let Some(authenticator) = authenticators.get_mut(id) {
            authenticator.is_confirmed = true;
        }
        Change { authenticators: Some(authenticators), step: Some(step), ..Change::of_factors() }
    }

    pub fn rename_authenticator(&self, id: &FactorId, name: FriendlyDeviceName) -> Result<Change, Refusal> {
        let mut authenticators = self.authenticators.clone();
        authenticators.get_mut(id).ok_or(Refusal::FactorNotFound)?.name = name;
        Ok(Change { authenticators: Some(authenticators), ..Change::default() })
    }

    /// Taking away one that was never confirmed changes nothing that proves.
    pub fn remove_authenticator(&self, id: &FactorId) -> Result<Change, Refusal> {
        let mut authenticators = self.authenticators.clone();
        let removed = authenticators.remove(id).ok_or(Refusal::FactorNotFound)?;
        let change = if removed.is_confirmed { Change::of_factors() } else { Change::default() };
        Ok(Change { authenticators: Some(authenticators), ..change })
    }

    /// The codes there were are worth nothing any more.
    #[must_use]
    pub fn replace_recovery_codes(&self, hashes: BTreeSet<RecoveryHash>) -> Change {
        Change { recovery: Some(hashes), ..Change::of_factors() }
    }

    /// Those that have run out make room.
    pub fn register_device(
        &self,
        id: FactorId,
        device: TrustedDevice,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let mut devices = self.devices.clone();
        devices.retain(|_, kept| now < kept.expires_at);
        if devices.values().any(|kept| kept.key == device.key) {
            return Err(Refusal::DeviceAlreadyTrusted);
        }
        if devices.len() >= MOST_DEVICES {
            return Err(Refusal::TooManyDevices);
        }
        devices.insert(id, device);
        Ok(Change { devices: Some(devices), is_new_generation: true, ..Change::default() })
    }

    pub fn rename_device(&self, id: &FactorId, name: FriendlyDeviceName) -> Result<Change, Refusal> {
        let mut devices = self.devices.clone();
        devices.get_mut(id).ok_or(Refusal::FactorNotFound)?.name = name;
        Ok(Change { devices: Some(devices), ..Change::default() })
    }

    pub fn remove_device(&self, id: &FactorId) -> Result<Change, Refusal> {
        let mut devices = self.devices.clone();
        devices.remove(id).ok_or(Refusal::FactorNotFound)?;
        Ok(Change { devices: Some(devices), is_new_generation: true, ..Change::default() })
    }

    /// With `change` done.
    #[must_use]
    pub fn changed(&self, change: &Change) -> Self {
        let mut after = self.clone();
        after.revision += 1;
        after.generation += u64::from(change.is_new_generation);
        after.last_step = change.step.or(after.last_step);
        if let Some(authenticators) = &change.authenticators {
            after.authenticators.clone_from(authenticators);
        }
        if let Some(devices) = &change.devices {
            after.devices.clone_from(devices);
        }
        if let Some(recovery) = &change.recovery {
            after.recovery.clone_from(recovery);
        }
        after
    }
}
