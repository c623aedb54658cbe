//! The user's passkeys. Each change needs a proven second factor, so a passkey is never a first factor.

use super::CustomFactorService;
use crate::{
    assurance::ChangeKind,
    audit::FactorEvent,
    delivery::Notice,
    factors::{
        FactorFault, SignedIn,
        custom::{CustomFactors, FactorId, PasskeyRegistration, passkey::RegistrationCeremony},
        enrolment::FriendlyDeviceName,
    },
    kernel::{Refusal, RelyingParty},
};

impl CustomFactorService {
    fn relying_party(&self) -> Result<&RelyingParty, Refusal> {
        self.relying_party.as_ref().ok_or(Refusal::FactorNotChangeable)
    }

    /// Returns `PublicKeyCredentialCreationOptions`. A registration that waits is replaced.
    pub async fn start_passkey(
        &self,
        caller: &SignedIn,
        name: FriendlyDeviceName,
    ) -> Result<serde_json::Value, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let relying_party = self.relying_party()?;
        let kept = self.store.custom_factors(&caller.user).await?;
        let known = kept.passkeys.values().map(|passkey| &passkey.credential);
        let begun = RegistrationCeremony::begin(relying_party, &caller.user, &profile.account, known)?;
        let registration = PasskeyRegistration { name, state: begun.state, begun_at: self.access.now() };
        let plan = |seen: &CustomFactors| seen.start_passkey(registration.clone());
        self.change(caller, FactorEvent::PasskeyStarted, None, plan).await?;
        Ok(begun.options)
    }

    /// Adds the passkey that a browser's answer proves. `answer` is the JSON of its credential.
    pub async fn confirm_passkey(&self, caller: &SignedIn, answer: &[u8]) -> Result<FactorId, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let relying_party = self.relying_party()?;
        let now = self.access.now();
        let kept = self.store.custom_factors(&caller.user).await?;
        let begun = kept.started_passkey(now)?;
        let credential = RegistrationCeremony::finish(relying_party, &caller.user, &begun.state, answer)
            .map_err(|_| Refusal::PasskeyNotValid)?;
        let id = FactorId::new(self.access.entropy.as_ref())?;
        let plan =
            |seen: &CustomFactors| seen.confirm_passkey(id.clone(), &begun.state, credential.clone(), now);
        let told = (Notice::FactorsChanged, Some(begun.name.clone()));
        self.change_and_tell(caller, &profile, FactorEvent::PasskeyAdded, Some(&id), told, plan).await?;
        Ok(id)
    }

    pub async fn rename_passkey(
        &self,
        caller: &SignedIn,
        id: &FactorId,
        name: &FriendlyDeviceName,
    ) -> Result<(), FactorFault> {
        self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let plan = |seen: &CustomFactors| seen.rename_passkey(id, name.clone());
        self.change(caller, FactorEvent::PasskeyRenamed, Some(id), plan).await.map(drop)
    }

    pub async fn remove_passkey(&self, caller: &SignedIn, id: &FactorId) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::CustomFactor).await?;
        let kept = self.store.custom_factors(&caller.user).await?;
        let name = kept.passkeys.get(id).ok_or(Refusal::FactorNotFound)?.name.clone();
        let plan = |seen: &CustomFactors| seen.remove_passkey(id);
        let told = (Notice::FactorsChanged, Some(name));
        self.change_and_tell(caller, &profile, FactorEvent::PasskeyRemoved, Some(id), told, plan).await
    }
}
