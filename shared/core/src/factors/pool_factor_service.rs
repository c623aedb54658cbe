use std::sync::Arc;

use futures::future::join;

use super::{
    FactorChangeGuard, FactorFault, SignedIn, TotpVerification,
    custom::{Change, ChangeOutcome, CustomFactorStore, PoolFactorNote},
    enrolment::{FriendlyDeviceName, TotpEnrolment},
    preference::{FactorState, PreferenceRequest, PreferenceTag, takes_the_mark},
};
use crate::{
    assurance::ChangeKind,
    audit::AuditAction,
    config::Policy,
    delivery::Notice,
    kernel::{OneTimeCode, PoolFactor, PortError, Refusal},
    telemetry,
};

/// Lets a signed-in user manage the pool factors.
#[derive(Debug)]
pub struct PoolFactorService {
    access: Arc<FactorChangeGuard>,
    custom: Arc<dyn CustomFactorStore>,
    issuer: String,
}

impl PoolFactorService {
    /// `custom` stores the trusted devices, which a change of pool factors removes.
    pub fn new(access: Arc<FactorChangeGuard>, custom: Arc<dyn CustomFactorStore>, policy: &Policy) -> Self {
        Self { access, custom, issuer: policy.totp.issuer.clone() }
    }

    /// Returns which factors are on and which is preferred.
    pub async fn state(&self, caller: &SignedIn) -> Result<FactorState, FactorFault> {
        Ok(self.access.profile(caller).await?.factors)
    }

    /// Returns the secret of a new authenticator. A user who has one gets it only with `replace`, because the
    /// old one stops working at once. If the new one is never verified, a pool with optional MFA asks for
    /// nothing at sign-in any more (cognito.md §4.4). So we notify the user before that.
    pub async fn start_totp(&self, caller: &SignedIn, replace: bool) -> Result<TotpEnrolment, FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        let has_one = profile.factors.enabled.contains(&PoolFactor::Totp);
        if has_one && !replace {
            return Err(Refusal::TotpAlreadySetUp.into());
        }
        let entry = self.access.note(caller, AuditAction::TotpStarted { replace: has_one }).await?;
        if has_one {
            self.access.tell(&profile, &entry, Notice::AuthenticatorReplaced, None).await?;
            self.custom.mark_pool_totp_replaced(&caller.user, self.access.now()).await?;
        }
        let secret = self.access.pool.associate_totp(&caller.token).await?;
        Ok(TotpEnrolment::new(secret, &self.issuer, &profile.account)?)
    }

    /// Confirms the authenticator that shows `code`. Sign-ins ask for it only after
    /// [`PoolFactorService::set_preference`] makes it a factor.
    pub async fn verify_totp(
        &self,
        caller: &SignedIn,
        code: &OneTimeCode,
        device: Option<&FriendlyDeviceName>,
    ) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        match self.access.pool.verify_totp(&caller.token, code, device).await? {
            TotpVerification::Verified => {
                self.access.forget_remembered_devices(caller).await;
                // If this fails, the overview still says that a replacement is not finished.
                if let Err(fault) = self.custom.mark_pool_totp_active(&caller.user).await {
                    telemetry::dependency_failed(&fault);
                }
                // The authenticator is already registered, and alone it changes no sign-in. So a missing line
                // does not undo it.
                match self.access.note(caller, AuditAction::TotpVerified).await {
                    Ok(entry) => {
                        let name = device.map(FriendlyDeviceName::as_str);
                        self.access.tell_afterwards(&profile, &entry, Notice::AuthenticatorAdded, name).await;
                    }
                    Err(fault) => telemetry::dependency_failed(&fault),
                }
                Ok(())
            }
            TotpVerification::WrongCode => Err(Refusal::CodeWrong.into()),
            TotpVerification::AlreadyUsed => Err(Refusal::CodeAlreadyUsed.into()),
            TotpVerification::NotStarted => Err(Refusal::TotpNotStarted.into()),
        }
    }

    /// Returns which factors are on, and the tag of this state. The tag is absent if the table does not
    /// answer.
    pub async fn preference(
        &self,
        caller: &SignedIn,
    ) -> Result<(FactorState, Option<PreferenceTag>), FactorFault> {
        let (profile, tagged) =
            join(self.access.profile(caller), self.custom.custom_factors(&caller.user)).await;
        let state = profile?.factors;
        let tag = ok_or_log(tagged).map(|kept| PreferenceTag::new(&state, kept.revision));
        Ok((state, tag))
    }

    /// Turns factors on and off and moves the preferred mark. Returns the state afterwards, read back from
    /// the pool, because Cognito answers 200 to some changes that it does not make (cognito.md §4.5).
    ///
    /// With `if_match`, the change is made only if the state still has one of these tags. Of racing changes
    /// with the same tag, at most one is made: each takes the tag's revision with one conditional write.
    pub async fn set_preference(
        &self,
        caller: &SignedIn,
        request: &PreferenceRequest,
        if_match: Option<&str>,
    ) -> Result<(FactorState, Option<PreferenceTag>), FactorFault> {
        takes_the_mark(request)?;
        let profile = self.access.profile_for_change(caller, ChangeKind::PoolFactor).await?;
        let seen = match if_match {
            Some(if_match) => {
                let kept = self.custom.custom_factors(&caller.user).await?;
                if !PreferenceTag::new(&profile.factors, kept.revision).is_named_in(if_match) {
                    return Err(Refusal::PreconditionFailed.into());
                }
                Some(kept.revision)
            }
            None => None,
        };
        let change = profile.factors.plan(request)?;
        if change.blocks.is_empty() {
            let tag = seen.map(|revision| PreferenceTag::new(&profile.factors, revision));
            return Ok((profile.factors, tag));
        }
        let mut noted = None;
        for (factor, block) in &change.blocks {
            let action = AuditAction::PreferenceChanged {
                factor: *factor,
                enabled: block.enabled,
                preferred: block.preferred,
            };
            noted = Some(self.access.note(caller, action).await?);
        }
        match seen {
            Some(seen) => {
                let taken = self.custom.change(&caller.user, seen, &Change::of_factors()).await?;
                if taken == ChangeOutcome::Overtaken {
                    return Err(Refusal::PreconditionFailed.into());
                }
            }
            None => self.custom.revoke_devices(&caller.user).await?,
        }
        self.access.pool.set_preference(&caller.token, &change).await?;
        let after = self.access.profile(caller).await?.factors;
        if after != profile.factors
            && let Some(entry) = noted
        {
            self.access.tell_afterwards(&profile, &entry, Notice::FactorsChanged, None).await;
        }
        let note = if after.enabled.is_empty() {
            PoolFactorNote::TurnedOff
        } else {
            PoolFactorNote::On(self.access.now())
        };
        self.custom.note_pool_factor(&caller.user, note).await?;
        self.access.forget_remembered_devices(caller).await;
        if !change.holds_in(&after) {
            return Err(Refusal::FactorNotChangeable.into());
        }
        let tag = ok_or_log(self.custom.custom_factors(&caller.user).await)
            .map(|kept| PreferenceTag::new(&after, kept.revision));
        Ok((after, tag))
    }
}

/// Returns an optional value. If it cannot be read, only operators see the fault.
fn ok_or_log<T>(answer: Result<T, PortError>) -> Option<T> {
    answer.inspect_err(telemetry::dependency_failed).ok()
}
