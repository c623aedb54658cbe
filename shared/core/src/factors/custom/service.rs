mod passkeys;

use std::{collections::BTreeSet, sync::Arc};

use zeroize::Zeroizing;

use super::{
    Authenticator, Change, ChangeOutcome, CustomFactorStore, CustomFactors, DEVICE_TRUST, DeviceKey,
    FactorId, MessageCodeSetting, MessageCodes, RECOVERY_CODES, RecoveryCode, Seeds, TotpCheck, TotpSeed,
    TrustedDevice,
};
use crate::{
    assurance::ChangeKind,
    audit::{AuditAction, AuditEntry, FactorEvent},
    config::Policy,
    delivery::Notice,
    factors::{
        FactorChangeGuard, FactorFault, Profile, SignedIn,
        enrolment::{FriendlyDeviceName, TotpEnrolment},
    },
    kernel::{HashKey, OneTimeCode, Refusal, RelyingParty},
};

/// Attempts before a change fails. Only a deliberate race lets other changes come first this often in a row.
const LOOKS: u32 = 4;

/// Lets a signed-in user manage the custom factors.
#[derive(Debug)]
pub struct CustomFactorService {
    access: Arc<FactorChangeGuard>,
    store: Arc<dyn CustomFactorStore>,
    seeds: Arc<dyn Seeds>,
    hash_key: HashKey,
    issuer: String,
    relying_party: Option<RelyingParty>,
}

/// New recovery codes, for the one response that shows them.
#[derive(Debug)]
pub struct NewRecoveryCodes {
    codes: Vec<RecoveryCode>,
    issuer: String,
    account: String,
}

impl NewRecoveryCodes {
    /// Returns the codes in groups of four.
    pub fn readable(&self) -> impl Iterator<Item = Zeroizing<String>> {
        self.codes.iter().map(RecoveryCode::readable)
    }

    /// Returns a page to print and put away.
    pub fn printable(&self) -> Zeroizing<String> {
        use std::fmt::Write;
        let mut text = Zeroizing::new(format!(
            "{}\n{}\n\nRecovery codes. Each works once.\n\n",
            self.issuer, self.account
        ));
        for (index, code) in self.readable().enumerate() {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{:>2}  {}", index + 1, code.as_str());
        }
        text
    }
}

impl CustomFactorService {
    pub fn new(
        access: Arc<FactorChangeGuard>,
        store: Arc<dyn CustomFactorStore>,
        seeds: Arc<dyn Seeds>,
        hash_key: HashKey,
        policy: &Policy,
    ) -> Self {
        Self {
            access,
            store,
            seeds,
            hash_key,
            issuer: policy.totp.issuer.clone(),
            relying_party: policy.passkeys.relying_party(),
        }
    }

    /// Returns all factors that are set up, without unfinished and expired ones.
    pub async fn factors(&self, caller: &SignedIn) -> Result<CustomFactors, FactorFault> {
        self.access.profile(caller).await?;
        self.kept(caller).await
    }

    /// Reads the factors for a caller that has already asked the pool.
    pub(crate) async fn kept(&self, caller: &SignedIn) -> Result<CustomFactors, FactorFault> {
        let now = self.access.now();
        let mut factors = self.store.custom_factors(&caller.user).await?;
        factors.authenticators.retain(|_, authenticator| !authenticator.is_abandoned(now));
        factors.devices.retain(|_, device| now < device.expires_at);
        Ok(factors)
    }

    /// Returns the seed of a new authenticator. It counts once a code of it was entered. The user's other
    /// authenticators keep working.
    pub async fn start_authenticator(
        &self,
        caller: &SignedIn,
        name: FriendlyDeviceName,
    ) -> Result<(FactorId, TotpEnrolment), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::NewAuthenticator).await?;
        let entropy = self.access.entropy.as_ref();
        let (id, seed) = (FactorId::new(entropy)?, TotpSeed::generate(entropy)?);
        let sealed = self.seeds.seal(&caller.user, &seed).await?;
        let now = self.access.now();
        let started = Authenticator { name, seed: sealed, created_at: now, is_confirmed: false };
        let plan = |seen: &CustomFactors| seen.start_authenticator(id.clone(), started.clone(), now);
        self.change(caller, FactorEvent::AuthenticatorStarted, Some(&id), plan).await?;
        Ok((id, TotpEnrolment::new(seed.secret(), &self.issuer, &profile.account)?))
    }

    /// Confirms the authenticator that shows `code`.
    pub async fn confirm_authenticator(
        &self,
        caller: &SignedIn,
        id: &FactorId,
        code: &OneTimeCode,
    ) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::NewAuthenticator).await?;
        let now = self.access.now();
        let kept = self.store.custom_factors(&caller.user).await?;
        let authenticator = kept.unconfirmed(id, now)?;
        let name = authenticator.name.clone();
        let seed = self.seeds.open(&caller.user, &authenticator.seed).await?;
        let plan = |seen: &CustomFactors| {
            seen.unconfirmed(id, now)?;
            match seed.check(code, now, seen.last_step) {
                TotpCheck::Right(step) => Ok(seen.confirm_authenticator(id, step)),
                TotpCheck::Used => Err(Refusal::CodeAlreadyUsed),
                TotpCheck::Wrong => Err(Refusal::CodeWrong),
            }
        };
        // We check before the audit line, because a wrong code changes nothing.
        plan(&kept)?;
        let told = (Notice::AuthenticatorAdded, Some(name));
        self.change_and_tell(caller, &profile, FactorEvent::AuthenticatorConfirmed, Some(id), told, plan)
            .await
    }

    pub async fn rename_authenticator(
        &self,
        caller: &SignedIn,
        id: &FactorId,
        name: &FriendlyDeviceName,
    ) -> Result<(), FactorFault> {
        self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let plan = |seen: &CustomFactors| seen.rename_authenticator(id, name.clone());
        self.change(caller, FactorEvent::AuthenticatorRenamed, Some(id), plan).await.map(drop)
    }

    pub async fn remove_authenticator(&self, caller: &SignedIn, id: &FactorId) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let kept = self.store.custom_factors(&caller.user).await?;
        let removed = kept.authenticators.get(id).ok_or(Refusal::FactorNotFound)?;
        let plan = |seen: &CustomFactors| seen.remove_authenticator(id);
        let event = FactorEvent::AuthenticatorRemoved;
        if !removed.is_confirmed {
            // It never proved anything, so no notice is needed.
            return self.change(caller, event, Some(id), plan).await.map(drop);
        }
        let told = (Notice::AuthenticatorRemoved, Some(removed.name.clone()));
        self.change_and_tell(caller, &profile, event, Some(id), told, plan).await
    }

    /// Makes new codes. The earlier codes are no longer valid.
    pub async fn replace_recovery_codes(&self, caller: &SignedIn) -> Result<NewRecoveryCodes, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::RecoveryCodes).await?;
        let recovery_only = !self.access.signed_in_by_challenges(caller);
        let entropy = self.access.entropy.as_ref();
        let codes: Vec<_> =
            (0..RECOVERY_CODES).map(|_| RecoveryCode::generate(entropy)).collect::<Result<_, _>>()?;
        let hashes: BTreeSet<_> = codes.iter().map(|code| code.hash(&self.hash_key, &caller.user)).collect();
        let plan = |seen: &CustomFactors| Ok(seen.replace_recovery_codes(hashes.clone(), recovery_only));
        let told = (Notice::RecoveryCodesReplaced, None);
        self.change_and_tell(caller, &profile, FactorEvent::RecoveryCodesReplaced, None, told, plan).await?;
        Ok(NewRecoveryCodes { codes, issuer: self.issuer.clone(), account: profile.account })
    }

    /// Trusts the browser that holds the key.
    pub async fn register_device(
        &self,
        caller: &SignedIn,
        name: FriendlyDeviceName,
        key: DeviceKey,
    ) -> Result<(FactorId, TrustedDevice), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let now = self.access.now();
        let expires_at = now.saturating_add(DEVICE_TRUST).unwrap_or(now);
        let id = FactorId::new(self.access.entropy.as_ref())?;
        let device = TrustedDevice { name, key, created_at: now, expires_at };
        let plan = |seen: &CustomFactors| seen.register_device(id.clone(), device.clone(), now);
        let told = (Notice::TrustedDeviceAdded, Some(device.name.clone()));
        self.change_and_tell(caller, &profile, FactorEvent::DeviceTrusted, Some(&id), told, plan).await?;
        Ok((id, device))
    }

    pub async fn rename_device(
        &self,
        caller: &SignedIn,
        id: &FactorId,
        name: &FriendlyDeviceName,
    ) -> Result<(), FactorFault> {
        self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let plan = |seen: &CustomFactors| seen.rename_device(id, name.clone());
        self.change(caller, FactorEvent::DeviceRenamed, Some(id), plan).await.map(drop)
    }

    pub async fn remove_device(&self, caller: &SignedIn, id: &FactorId) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let kept = self.store.custom_factors(&caller.user).await?;
        let name = kept.devices.get(id).ok_or(Refusal::FactorNotFound)?.name.clone();
        let plan = |seen: &CustomFactors| seen.remove_device(id);
        let told = (Notice::TrustedDeviceRemoved, Some(name));
        self.change_and_tell(caller, &profile, FactorEvent::DeviceRevoked, Some(id), told, plan).await
    }

    /// Sets whether custom challenges offer codes by e-mail and SMS. A `None` setting stays as it is.
    pub async fn set_message_codes(
        &self,
        caller: &SignedIn,
        email: Option<MessageCodeSetting>,
        sms: Option<MessageCodeSetting>,
    ) -> Result<MessageCodes, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let merged = |seen: &CustomFactors| MessageCodes {
            email: email.unwrap_or(seen.message_codes.email),
            sms: sms.unwrap_or(seen.message_codes.sms),
        };
        let plan = |seen: &CustomFactors| seen.set_message_codes(merged(seen));
        let told = (Notice::FactorsChanged, None);
        self.change_and_tell(caller, &profile, FactorEvent::MessageCodesSet, None, told, plan).await?;
        Ok(self.store.custom_factors(&caller.user).await?.message_codes)
    }

    async fn change_and_tell(
        &self,
        caller: &SignedIn,
        profile: &Profile,
        event: FactorEvent,
        id: Option<&FactorId>,
        (notice, name): (Notice, Option<FriendlyDeviceName>),
        plan: impl Fn(&CustomFactors) -> Result<Change, Refusal> + Send + Sync,
    ) -> Result<(), FactorFault> {
        let entry = self.change(caller, event, id, plan).await?;
        self.access.forget_remembered_devices(caller).await;
        let name = name.as_ref().map(FriendlyDeviceName::as_str);
        self.access.tell_afterwards(profile, &entry, notice, name).await;
        Ok(())
    }

    /// Reads, plans, audits and writes. Reads again if another change was faster.
    async fn change(
        &self,
        caller: &SignedIn,
        event: FactorEvent,
        id: Option<&FactorId>,
        plan: impl Fn(&CustomFactors) -> Result<Change, Refusal> + Send + Sync,
    ) -> Result<AuditEntry, FactorFault> {
        let mut noted = None;
        for _ in 0..LOOKS {
            let seen = self.store.custom_factors(&caller.user).await?;
            let change = plan(&seen)?;
            // We write one line, however often the change is tried.
            let entry = if let Some(entry) = noted.take() {
                entry
            } else {
                let action = AuditAction::CustomFactor { event, id: id.map(FactorId::uuid) };
                self.access.note(caller, action).await?
            };
            if self.store.change(&caller.user, seen.revision, &change).await? == ChangeOutcome::Done {
                return Ok(entry);
            }
            noted = Some(entry);
        }
        Err(Refusal::FactorsChangedMeanwhile.into())
    }
}
