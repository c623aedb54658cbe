use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Enrolment, FactorState, FriendlyDeviceName, NativeFactors, PreferenceRequest, Profile, TotpVerification,
    UserPoolFault,
};
use crate::{
    audit::{Action, AuditTrail, Entry},
    config::Policy,
    kernel::{AccessToken, Clock, Entropy, Factor, OneTimeCode, PortError, Refusal, UserId},
    telemetry,
};

/// Who calls: the claims of an access token that the API's authorizer has checked.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: UserId,
    pub token: AccessToken,
    /// `auth_time`; a refresh keeps it (COGNITO.md §8.3).
    pub at: Timestamp,
}

/// What a signed-in user can do with their own factors.
pub struct Factors {
    pool: Arc<dyn NativeFactors>,
    audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    issuer: String,
    max_sign_in_age: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum FactorFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sign-in is too old for a change.
    #[error("signed in too long ago")]
    Stale { max_age: Duration },
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<UserPoolFault> for FactorFault {
    fn from(fault: UserPoolFault) -> Self {
        match fault {
            UserPoolFault::NotSignedIn => Refusal::NotSignedIn.into(),
            UserPoolFault::TotpNotOffered => Refusal::TotpNotOffered.into(),
            UserPoolFault::FactorNotSetUp => Refusal::FactorNotSetUp.into(),
            UserPoolFault::Throttled => Refusal::TooManyRequests.into(),
            UserPoolFault::Port(fault) => fault.into(),
        }
    }
}

impl Factors {
    pub fn new(
        pool: Arc<dyn NativeFactors>,
        audit: Arc<dyn AuditTrail>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policy: &Policy,
    ) -> Self {
        Self {
            pool,
            audit,
            clock,
            entropy,
            issuer: policy.totp.issuer.clone(),
            max_sign_in_age: Duration::from_secs(policy.factor_changes.max_sign_in_age_seconds.into()),
        }
    }

    /// Which factors are on and which is preferred.
    pub async fn state(&self, caller: &SignedIn) -> Result<FactorState, FactorFault> {
        Ok(self.profile(caller).await?.factors)
    }

    /// Hands out the secret of a new authenticator. A user who has one gets it only with `replace`,
    /// because the old one stops working at once, and if the new one is never verified, in a pool
    /// with optional MFA nothing is asked at sign-in any more (COGNITO.md §4.4).
    pub async fn start_totp(&self, caller: &SignedIn, replace: bool) -> Result<Enrolment, FactorFault> {
        self.require_fresh(caller)?;
        let profile = self.profile(caller).await?;
        let has_one = profile.factors.enabled.contains(&Factor::Totp);
        if has_one && !replace {
            return Err(Refusal::TotpAlreadySetUp.into());
        }
        // Before the change: what can't be written down is not done.
        self.note(caller, Action::TotpStarted { replace: has_one }).await?;
        let secret = self.pool.associate_totp(&caller.token).await?;
        Ok(Enrolment::new(secret, &self.issuer, &profile.account)?)
    }

    /// Registers the authenticator that shows `code`. It is asked for at sign-in only once it is
    /// made a factor by [`Factors::set_preference`].
    pub async fn verify_totp(
        &self,
        caller: &SignedIn,
        code: &OneTimeCode,
        device: Option<&FriendlyDeviceName>,
    ) -> Result<(), FactorFault> {
        self.require_fresh(caller)?;
        self.profile(caller).await?;
        match self.pool.verify_totp(&caller.token, code, device).await? {
            TotpVerification::Verified => {
                // Done already, and alone it changes no sign-in: a missing line does not undo it.
                if let Err(fault) = self.note(caller, Action::TotpVerified).await {
                    telemetry::dependency_failed(&fault);
                }
                Ok(())
            }
            TotpVerification::WrongCode => Err(Refusal::CodeWrong.into()),
            TotpVerification::AlreadyUsed => Err(Refusal::CodeAlreadyUsed.into()),
            TotpVerification::NotStarted => Err(Refusal::TotpNotStarted.into()),
        }
    }

    /// Turns factors on and off and moves the preferred mark; gives the state afterwards, read back
    /// from the pool: Cognito answers 200 to some changes that it does not make (COGNITO.md §4.5).
    pub async fn set_preference(
        &self,
        caller: &SignedIn,
        request: &PreferenceRequest,
    ) -> Result<FactorState, FactorFault> {
        self.require_fresh(caller)?;
        let before = self.profile(caller).await?.factors;
        let change = before.plan(request)?;
        if change.blocks.is_empty() {
            return Ok(before);
        }
        for (factor, block) in &change.blocks {
            let action = Action::PreferenceChanged {
                factor: *factor,
                enabled: block.enabled,
                preferred: block.preferred,
            };
            self.note(caller, action).await?;
        }
        self.pool.set_preference(&caller.token, &change).await?;
        let after = self.profile(caller).await?.factors;
        if change.holds_in(&after) { Ok(after) } else { Err(Refusal::FactorNotChangeable.into()) }
    }

    /// Asks the pool, so that a revoked token or a disabled user is found out.
    async fn profile(&self, caller: &SignedIn) -> Result<Profile, FactorFault> {
        let profile = self.pool.profile(&caller.token).await?;
        if profile.user == caller.user { Ok(profile) } else { Err(Refusal::NotSignedIn.into()) }
    }

    /// A stolen token is of less use if it can't change factors for long.
    fn require_fresh(&self, caller: &SignedIn) -> Result<(), FactorFault> {
        let max_age = self.max_sign_in_age;
        let age = self.clock.now().duration_since(caller.at).unsigned_abs();
        if age <= max_age { Ok(()) } else { Err(FactorFault::Stale { max_age }) }
    }

    async fn note(&self, caller: &SignedIn, action: Action) -> Result<(), PortError> {
        let entry = Entry::new(self.clock.as_ref(), self.entropy.as_ref(), caller.user.clone(), action)?;
        self.audit.append(&entry).await
    }
}

impl std::fmt::Debug for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factors").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
