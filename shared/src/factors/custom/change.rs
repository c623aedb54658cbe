use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Authenticator, CustomFactors, FactorId, MOST_AUTHENTICATORS, MOST_DEVICES, MessageCodeSetting,
    MessageCodes, RecoveryHash, TotpStep, TrustedDevice,
};
use crate::{
    factors::FriendlyDeviceName,
    kernel::{CustomFactor, Refusal},
};

/// What one write puts in the place of what was read. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub authenticators: Option<BTreeMap<FactorId, Authenticator>>,
    pub devices: Option<BTreeMap<FactorId, TrustedDevice>>,
    pub recovery: Option<BTreeSet<RecoveryHash>>,
    /// Whether the recovery codes are no factor of custom challenges.
    pub recovery_only: Option<bool>,
    /// Uses this step up. Not possible if it, or a later one, is used up already.
    pub step: Option<TotpStep>,
    /// What can prove is another afterwards: the generation goes up.
    pub is_new_generation: bool,
    /// Whether the user has had a factor that counts.
    pub had_factor: Option<bool>,
    pub message_codes: Option<MessageCodes>,
    /// Wrong answers with these factors are forgiven: they are new.
    pub forgives: BTreeSet<CustomFactor>,
    /// Nothing of the pool's factors is known any more, and no step of an authenticator is used up.
    pub begins_anew: bool,
}

impl Change {
    /// A change of factors: every trusted device is gone.
    pub(in crate::factors) fn of_factors() -> Self {
        Self { devices: Some(BTreeMap::new()), is_new_generation: true, ..Self::default() }
    }

    /// Takes everything away, for a user whom an administrator helps: they begin anew.
    pub fn reset() -> Self {
        Self {
            authenticators: Some(BTreeMap::new()),
            recovery: Some(BTreeSet::new()),
            had_factor: Some(false),
            message_codes: Some(MessageCodes::default()),
            forgives: CustomFactor::ALL.into(),
            begins_anew: true,
            ..Self::of_factors()
        }
    }
}

impl CustomFactors {
    /// Begins an authenticator. It proves nothing yet. Unfinished ones make room.
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
        Change {
            authenticators: Some(authenticators),
            step: Some(step),
            had_factor: Some(true),
            forgives: [CustomFactor::Totp].into(),
            ..Change::of_factors()
        }
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
        let is_last = removed.is_confirmed && !authenticators.values().any(|kept| kept.is_confirmed);
        let leaves_nothing = is_last && self.recovery.is_empty() && self.pool_factor_since.is_none();
        // Taken away by right: the user may begin anew.
        let had_factor = leaves_nothing.then_some(false);
        Ok(Change { authenticators: Some(authenticators), had_factor, ..change })
    }

    /// The codes there were are worth nothing any more.
    #[must_use]
    pub fn replace_recovery_codes(&self, hashes: BTreeSet<RecoveryHash>, recovery_only: bool) -> Change {
        Change {
            recovery: Some(hashes),
            recovery_only: Some(recovery_only),
            had_factor: Some(true),
            forgives: [CustomFactor::RecoveryCode].into(),
            ..Change::of_factors()
        }
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

    /// Decides about codes by e-mail and SMS. Without an authenticator the last way in stays open.
    pub fn set_message_codes(&self, settings: MessageCodes) -> Result<Change, Refusal> {
        let turns_off = [settings.email, settings.sms].contains(&MessageCodeSetting::Off);
        if turns_off && self.confirmed().next().is_none() {
            return Err(Refusal::LastFactor);
        }
        Ok(Change { message_codes: Some(settings), ..Change::of_factors() })
    }

    /// With `change` done.
    #[must_use]
    pub fn changed(&self, change: &Change) -> Self {
        let mut after = self.clone();
        after.revision += 1;
        after.factor_epoch += u64::from(change.is_new_generation);
        after.last_step = change.step.or(after.last_step);
        after.had_factor = change.had_factor.unwrap_or(after.had_factor);
        after.recovery_only = change.recovery_only.unwrap_or(after.recovery_only);
        after.message_codes = change.message_codes.unwrap_or(after.message_codes);
        if change.begins_anew {
            (after.pool_factor_since, after.last_step) = (None, None);
        }
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
