use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{DeviceId, NativeFactors, Profile, UserPoolFault};
use crate::{
    audit::{Action, AuditTrail, Entry},
    config::Policy,
    delivery::{Courier, Notice, NoticeParcel, Parcel, Recipient},
    kernel::{AccessToken, Clock, Entropy, PortError, Refusal, UserId},
    telemetry,
};

/// Who calls: the claims of an access token that the API's authorizer has checked.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: UserId,
    pub token: AccessToken,
    /// `auth_time`; a refresh keeps it (COGNITO.md §8.3).
    pub at: Timestamp,
    /// The device that the pool knows the caller to have signed in on.
    pub device: Option<DeviceId>,
}

#[derive(Debug, thiserror::Error)]
pub enum FactorFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sign-in is too old for a change.
    #[error("signed in too long ago")]
    Stale { max_age: Duration },
    /// What was asked for lately has to be waited for.
    #[error("asked too soon")]
    Later { wait: Duration },
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<UserPoolFault> for FactorFault {
    fn from(fault: UserPoolFault) -> Self {
        match fault {
            UserPoolFault::NotSignedIn => Refusal::NotSignedIn.into(),
            UserPoolFault::TotpNotOffered => Refusal::TotpNotOffered.into(),
            UserPoolFault::FactorNotSetUp => Refusal::FactorNotSetUp.into(),
            UserPoolFault::DeviceNotFound => Refusal::FactorNotFound.into(),
            UserPoolFault::AddressTaken => Refusal::AddressNotUsable.into(),
            UserPoolFault::NoAddress => Refusal::AddressNotSet.into(),
            UserPoolFault::AddressFixed => Refusal::AddressNotChangeable.into(),
            UserPoolFault::Throttled => Refusal::TooManyRequests.into(),
            UserPoolFault::Port(fault) => fault.into(),
        }
    }
}

/// What every look at a user's factors and every change of them goes through: the pool's word for the
/// token, a fresh sign-in, the audit line before, the notice to the user.
pub struct Access {
    pub(super) pool: Arc<dyn NativeFactors>,
    audit: Arc<dyn AuditTrail>,
    courier: Arc<dyn Courier>,
    clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) max_sign_in_age: Duration,
}

impl Access {
    pub fn new(
        pool: Arc<dyn NativeFactors>,
        audit: Arc<dyn AuditTrail>,
        courier: Arc<dyn Courier>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policy: &Policy,
    ) -> Self {
        let max_sign_in_age = Duration::from_secs(policy.factor_changes.max_sign_in_age_seconds.into());
        Self { pool, audit, courier, clock, entropy, max_sign_in_age }
    }

    /// Asks the pool, so that a revoked token or a disabled user is found out.
    pub(super) async fn profile(&self, caller: &SignedIn) -> Result<Profile, FactorFault> {
        let profile = self.pool.profile(&caller.token).await?;
        if profile.user == caller.user { Ok(profile) } else { Err(Refusal::NotSignedIn.into()) }
    }

    /// For a change: a stolen token is of less use if it can't change factors for long.
    pub(super) async fn profile_for_change(&self, caller: &SignedIn) -> Result<Profile, FactorFault> {
        if !self.is_fresh(caller.at) {
            return Err(FactorFault::Stale { max_age: self.max_sign_in_age });
        }
        self.profile(caller).await
    }

    pub(super) fn is_fresh(&self, at: Timestamp) -> bool {
        self.clock.now().duration_since(at).unsigned_abs() <= self.max_sign_in_age
    }

    /// In whole seconds, as times are kept: what is answered now is what is read later.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Notes a change in the audit trail. Before it is made: what can't be written down is not done.
    pub(super) async fn note(&self, caller: &SignedIn, action: Action) -> Result<Entry, PortError> {
        let entry = Entry::new(self.clock.as_ref(), self.entropy.as_ref(), caller.user.clone(), action)?;
        self.audit.append(&entry).await?;
        Ok(entry)
    }

    /// Has the user told of a change, at a verified address. Who has none can't be told.
    pub(super) async fn tell(
        &self,
        profile: &Profile,
        entry: &Entry,
        notice: Notice,
        name: Option<&str>,
    ) -> Result<(), PortError> {
        self.tell_at(profile.recipient(), entry, notice, name).await
    }

    /// The same, at an address of the caller's choice.
    pub(super) async fn tell_at(
        &self,
        to: Option<Recipient>,
        entry: &Entry,
        notice: Notice,
        name: Option<&str>,
    ) -> Result<(), PortError> {
        let Some(to) = to else {
            tracing::info!("notice not sent: the user has no verified address");
            return Ok(());
        };
        let name = name.map(str::to_owned);
        let parcel = Parcel::Notice(NoticeParcel { id: entry.id, notice, name, at: entry.at, to });
        self.courier.hand_over(&parcel).await
    }

    /// The same for a change that is made already: a notice that is not taken does not undo it.
    pub(super) async fn tell_afterwards(
        &self,
        profile: &Profile,
        entry: &Entry,
        notice: Notice,
        name: Option<&str>,
    ) {
        if let Err(fault) = self.tell(profile, entry, notice, name).await {
            telemetry::dependency_failed(&fault);
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("max_sign_in_age", &self.max_sign_in_age).finish_non_exhaustive()
    }
}
