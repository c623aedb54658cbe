use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Authenticator, CustomFactors, FactorId, MOST_AUTHENTICATORS, MOST_DEVICES, MOST_PASSKEYS,
    MessageCodeSetting, MessageCodes, PasskeyRegistration, RecoveryHash, SET_UP_TIME, TotpStep,
    TrustedDevice,
    passkey::{Passkey, PasskeyCredential},
};
use crate::{
    factors::enrolment::FriendlyDeviceName,
    kernel::{CustomFactor, Refusal},
};

/// The values that one write replaces. A `None` field stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub authenticators: Option<BTreeMap<FactorId, Authenticator>>,
    pub devices: Option<BTreeMap<FactorId, TrustedDevice>>,
    pub passkeys: Option<BTreeMap<FactorId, Passkey>>,
    /// Begins a registration of a passkey (`Some(Some(_))`), or ends it (`Some(None)`).
    pub passkey_registration: Option<Option<PasskeyRegistration>>,
    pub recovery: Option<BTreeSet<RecoveryHash>>,
    /// Whether the recovery codes only recover the account and are not a factor of custom challenges.
    pub recovery_only: Option<bool>,
    /// Uses up this step. The write fails if this step or a later one is already used up.
    pub step: Option<TotpStep>,
    /// Whether the factors that can prove something change. Then the epoch of factors goes up.
    pub begins_new_epoch: bool,
    /// Whether the user has had a counted factor.
    pub had_factor: Option<bool>,
    pub message_codes: Option<MessageCodes>,
    /// Resets the count of wrong answers with these factors, because they are new.
    pub forgives: BTreeSet<CustomFactor>,
    /// Whether to forget what we know of the pool's factors and the last used step.
    pub begins_anew: bool,
}

impl Change {
    /// Returns a change of factors, which removes every trusted device.
    pub(in crate::factors) fn of_factors() -> Self {
        Self { devices: Some(BTreeMap::new()), begins_new_epoch: true, ..Self::default() }
    }

    /// Returns a change that removes everything, for a user whom an administrator helps. The user then starts
    /// again without factors.
    pub fn reset() -> Self {
        Self {
            authenticators: Some(BTreeMap::new()),
            passkeys: Some(BTreeMap::new()),
            passkey_registration: Some(None),
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
    /// Begins the set-up of an authenticator, which proves nothing yet. Abandoned ones are removed.
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

    /// Returns an authenticator whose set-up is not finished.
    pub fn unconfirmed(&self, id: &FactorId, now: Timestamp) -> Result<&Authenticator, Refusal> {
        let authenticator = self.authenticators.get(id).filter(|found| !found.is_abandoned(now));
        match authenticator {
            Some(authenticator) if authenticator.is_confirmed => Err(Refusal::AuthenticatorConfirmed),
            Some(authenticator) => Ok(authenticator),
            None => Err(Refusal::FactorNotFound),
        }
    }

    /// Confirms the authenticator, which proves from now on. `step` is the step of the entered code.
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

    /// Removes an authenticator. If it was never confirmed, the factors that prove something stay the same.
    pub fn remove_authenticator(&self, id: &FactorId) -> Result<Change, Refusal> {
        let mut authenticators = self.authenticators.clone();
        let removed = authenticators.remove(id).ok_or(Refusal::FactorNotFound)?;
        let change = if removed.is_confirmed { Change::of_factors() } else { Change::default() };
        let is_last = removed.is_confirmed && !authenticators.values().any(|kept| kept.is_confirmed);
        let leaves_nothing = is_last
            && self.passkeys.is_empty()
            && self.recovery.is_empty()
            && self.pool_factor_since.is_none();
        // The user removed it with a proof, so the user may set up a first factor again.
        let had_factor = leaves_nothing.then_some(false);
        Ok(Change { authenticators: Some(authenticators), had_factor, ..change })
    }

    /// Replaces the recovery codes. The earlier codes are no longer valid.
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

    /// Begins the registration of a passkey, which proves nothing yet.
    pub fn start_passkey(&self, begun: PasskeyRegistration) -> Result<Change, Refusal> {
        if self.passkeys.len() >= MOST_PASSKEYS {
            return Err(Refusal::TooManyPasskeys);
        }
        Ok(Change { passkey_registration: Some(Some(begun)), ..Change::default() })
    }

    /// Returns the registration of a passkey that waits for an answer.
    pub fn started_passkey(&self, now: Timestamp) -> Result<&PasskeyRegistration, Refusal> {
        let is_in_time = |begun: &&PasskeyRegistration| now.duration_since(begun.begun_at) <= SET_UP_TIME;
        self.passkey_registration.as_ref().filter(is_in_time).ok_or(Refusal::FactorNotFound)
    }

    /// Adds the passkey of the registration with this `state`, which is used up.
    pub fn confirm_passkey(
        &self,
        id: FactorId,
        state: &[u8],
        credential: PasskeyCredential,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let begun = self.started_passkey(now)?;
        if begun.state != state {
            return Err(Refusal::FactorNotFound);
        }
        if self.passkeys.len() >= MOST_PASSKEYS {
            return Err(Refusal::TooManyPasskeys);
        }
        if self.passkeys.values().any(|kept| kept.credential.id == credential.id) {
            return Err(Refusal::PasskeyNotValid);
        }
        let mut passkeys = self.passkeys.clone();
        passkeys.insert(id, Passkey { name: begun.name.clone(), created_at: now, credential });
        Ok(Change {
            passkeys: Some(passkeys),
            passkey_registration: Some(None),
            had_factor: Some(true),
            forgives: [CustomFactor::Passkey].into(),
            ..Change::of_factors()
        })
    }

    pub fn rename_passkey(&self, id: &FactorId, name: FriendlyDeviceName) -> Result<Change, Refusal> {
        let mut passkeys = self.passkeys.clone();
        passkeys.get_mut(id).ok_or(Refusal::FactorNotFound)?.name = name;
        Ok(Change { passkeys: Some(passkeys), ..Change::default() })
    }

    pub fn remove_passkey(&self, id: &FactorId) -> Result<Change, Refusal> {
        let mut passkeys = self.passkeys.clone();
        passkeys.remove(id).ok_or(Refusal::FactorNotFound)?;
        let leaves_nothing = passkeys.is_empty()
            && self.confirmed().next().is_none()
            && self.recovery.is_empty()
            && self.pool_factor_since.is_none();
        // The user removed it with a proof, so the user may set up a first factor again.
        let had_factor = leaves_nothing.then_some(false);
        Ok(Change { passkeys: Some(passkeys), had_factor, ..Change::of_factors() })
    }

    /// Registers a trusted device. Expired ones are removed.
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
        Ok(Change { devices: Some(devices), begins_new_epoch: true, ..Change::default() })
    }

    pub fn rename_device(&self, id: &FactorId, name: FriendlyDeviceName) -> Result<Change, Refusal> {
        let mut devices = self.devices.clone();
        devices.get_mut(id).ok_or(Refusal::FactorNotFound)?.name = name;
        Ok(Change { devices: Some(devices), ..Change::default() })
    }

    pub fn remove_device(&self, id: &FactorId) -> Result<Change, Refusal> {
        let mut devices = self.devices.clone();
        devices.remove(id).ok_or(Refusal::FactorNotFound)?;
        Ok(Change { devices: Some(devices), begins_new_epoch: true, ..Change::default() })
    }

    /// Changes the settings for codes by e-mail and SMS. Without an authenticator, they cannot be turned off,
    /// because the user would have no other way to sign in.
    pub fn set_message_codes(&self, settings: MessageCodes) -> Result<Change, Refusal> {
        let turns_off = [settings.email, settings.sms].contains(&MessageCodeSetting::Off);
        if turns_off && self.confirmed().next().is_none() {
            return Err(Refusal::LastFactor);
        }
        Ok(Change { message_codes: Some(settings), ..Change::of_factors() })
    }

    /// Returns the factors after `change`.
    #[must_use]
    pub fn changed(&self, change: &Change) -> Self {
        let mut after = self.clone();
        after.revision += 1;
        after.factor_epoch += u64::from(change.begins_new_epoch);
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
        if let Some(passkeys) = &change.passkeys {
            after.passkeys.clone_from(passkeys);
        }
        if let Some(registration) = &change.passkey_registration {
            after.passkey_registration.clone_from(registration);
        }
        if let Some(recovery) = &change.recovery {
            after.recovery.clone_from(recovery);
        }
        after
    }
}
