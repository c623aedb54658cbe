use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    NativeFactors, Profile, UserPoolFault,
    custom::{CustomFactorStore, CustomFactors},
    devices::{DeviceId, DeviceRegistry},
};
use crate::{
    assurance::{
        ChangeKind, ChangeRequest, ClientKind, Decision, Evidence, FactorCoverage, SAME_SIGN_IN,
        SignInRecords, decide, weakest,
    },
    audit::{AuditAction, AuditEntry, AuditTrail},
    config::Policy,
    delivery::{MessageQueue, Notice, Notification, OutboundMessage, Recipient},
    kernel::{AccessToken, Clock, Entropy, PortError, Refusal, UserId},
    telemetry,
};

/// The caller: the claims of an access token that the API's authorizer has checked.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: UserId,
    pub token: AccessToken,
    /// `auth_time`; a refresh keeps it (cognito.md §8.3).
    pub at: Timestamp,
    /// App client id.
    pub client_id: String,
    /// What this token's own sign-in proved, if the token has the claims.
    pub evidence: Option<Evidence>,
    /// The caller's device, if the pool knows it.
    pub device: Option<DeviceId>,
}

#[derive(Debug, thiserror::Error)]
pub enum FactorFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sign-in, or its second factor, is too old for a change.
    #[error("signed in too long ago")]
    Stale { max_age: Duration },
    /// The sign-in proved no second factor.
    #[error("a second factor is required")]
    SecondFactorRequired { max_age: Duration },
    /// The caller must wait after an earlier request.
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

/// Guards every read and change of a user's factors. It asks the pool about the token, demands a recent
/// sign-in, writes the audit line first, and notifies the user.
#[derive(Debug)]
pub struct FactorChangeGuard {
    pub(super) pool: Arc<dyn NativeFactors>,
    custom: Arc<dyn CustomFactorStore>,
    records: Arc<dyn SignInRecords>,
    clients: Arc<dyn AppClientDirectory>,
    devices: Arc<dyn DeviceRegistry>,
    audit: Arc<dyn AuditTrail>,
    queue: Arc<dyn MessageQueue>,
    clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) max_sign_in_age: Duration,
}

/// The ports of the [`FactorChangeGuard`].
#[derive(Debug, Clone)]
pub struct FactorChangePorts {
    pub custom: Arc<dyn CustomFactorStore>,
    pub records: Arc<dyn SignInRecords>,
    pub clients: Arc<dyn AppClientDirectory>,
    /// The devices that the pool remembers. A change of factors makes the pool forget them.
    pub devices: Arc<dyn DeviceRegistry>,
}

/// Knows how app clients sign in.
pub trait AppClientDirectory: Send + Sync + std::fmt::Debug {
    /// Returns how this client signs in.
    fn kind(&self, client_id: &str) -> ClientKind;

    /// Returns whether a custom client that begins with the password counts a code to one of these addresses.
    fn counts_a_channel(&self, has_email: bool, has_phone: bool) -> bool;
}

impl FactorChangeGuard {
    pub fn new(
        pool: Arc<dyn NativeFactors>,
        guard: FactorChangePorts,
        audit: Arc<dyn AuditTrail>,
        queue: Arc<dyn MessageQueue>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policy: &Policy,
    ) -> Self {
        let max_sign_in_age = Duration::from_secs(policy.factor_changes.max_sign_in_age_seconds.into());
        let FactorChangePorts { custom, records, clients, devices } = guard;
        Self { pool, custom, records, clients, devices, audit, queue, clock, entropy, max_sign_in_age }
    }

    /// Asks the pool for the profile, which fails for a revoked token or a disabled user.
    pub(super) async fn profile(&self, caller: &SignedIn) -> Result<Profile, FactorFault> {
        let profile = self.pool.profile(&caller.token).await?;
        if profile.user == caller.user { Ok(profile) } else { Err(Refusal::NotSignedIn.into()) }
    }

    /// Asks for the profile, and checks that this token's own sign-in is enough for a change
    /// (docs/security/assurance.md).
    pub(super) async fn profile_for_change(
        &self,
        caller: &SignedIn,
        change: ChangeKind,
    ) -> Result<Profile, FactorFault> {
        let max_age = self.max_sign_in_age;
        // A later proof does not make an old sign-in recent.
        if !self.is_fresh(caller.at) {
            return Err(FactorFault::Stale { max_age });
        }
        let profile = self.profile(caller).await?;
        let kept = self.custom.custom_factors(&caller.user).await?;
        let request = ChangeRequest {
            change,
            evidence: self.evidence(caller).await?,
            signed_in_at: caller.at,
            client: self.clients.kind(&caller.client_id),
            coverage: self.coverage(&profile, &kept),
            now: self.clock.now(),
            max_age,
        };
        match decide(&request) {
            Decision::Allowed => Ok(profile),
            Decision::TooOld => Err(FactorFault::Stale { max_age }),
            Decision::SecondFactorRequired => Err(FactorFault::SecondFactorRequired { max_age }),
            Decision::EnrolmentClosed => Err(Refusal::EnrolmentClosed.into()),
        }
    }

    /// Returns whether the caller's token is one of a custom client.
    pub(super) fn signed_in_by_challenges(&self, caller: &SignedIn) -> bool {
        matches!(self.clients.kind(&caller.client_id), ClientKind::Custom { .. })
    }

    fn coverage(&self, profile: &Profile, kept: &CustomFactors) -> FactorCoverage {
        let contacts = &profile.contacts;
        let (has_email, has_phone) = (contacts.email.is_some(), contacts.phone_number.is_some());
        FactorCoverage {
            has_factor: kept.has_ever_counted() || !profile.factors.enabled.is_empty(),
            is_covered: kept.is_covered(),
            has_counted_channel: self.clients.counts_a_channel(has_email, has_phone),
        }
    }

    /// Returns what this token's sign-in proved, from its claims or else from the record of the sign-in.
    async fn evidence(&self, caller: &SignedIn) -> Result<Evidence, PortError> {
        if let Some(evidence) = caller.evidence {
            return Ok(evidence);
        }
        let from = caller.at.saturating_sub(SAME_SIGN_IN).unwrap_or(caller.at);
        let until = caller.at.saturating_add(SAME_SIGN_IN).unwrap_or(caller.at);
        let recorded = self.records.recorded(&caller.user, from, until).await?;
        Ok(weakest(&recorded, &caller.client_id).unwrap_or(Evidence::UNKNOWN))
    }

    fn is_fresh(&self, at: Timestamp) -> bool {
        self.clock.now().duration_since(at).unsigned_abs() <= self.max_sign_in_age
    }

    /// Returns the time in whole seconds, as we store times, so that an answer now equals a later read.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Makes the pool forget every remembered device, because each replaced a factor that has changed. The
    /// change is already made, so a fault is only reported to the operator.
    pub(super) async fn forget_remembered_devices(&self, caller: &SignedIn) {
        let forget = async {
            let devices = self.devices.devices(&caller.token).await?;
            for device in devices.into_iter().filter(|device| device.is_remembered) {
                match self.devices.forget(&caller.token, &device.id).await {
                    // Another request forgot the device first.
                    Ok(()) | Err(UserPoolFault::DeviceNotFound) => {}
                    Err(fault) => return Err(fault),
                }
            }
            Ok(())
        };
        if let Err(fault) = forget.await {
            telemetry::dependency_failed(&PortError::new("cognito.ForgetDevice", fault));
        }
    }

    /// Writes a change to the audit trail before it is made. If the write fails, the change must not be made.
    pub(super) async fn note(&self, caller: &SignedIn, action: AuditAction) -> Result<AuditEntry, PortError> {
        let entry = AuditEntry::new(self.clock.as_ref(), self.entropy.as_ref(), caller.user.clone(), action)?;
        self.audit.append(&entry).await?;
        Ok(entry)
    }

    /// Notifies the user of a change at a verified address. Without such an address, no notice is sent.
    pub(super) async fn tell(
        &self,
        profile: &Profile,
        entry: &AuditEntry,
        notice: Notice,
        name: Option<&str>,
    ) -> Result<(), PortError> {
        self.tell_at(profile.recipient(), entry, notice, name).await
    }

    /// Notifies the user of a change at the address that the caller chooses.
    pub(super) async fn tell_at(
        &self,
        to: Option<Recipient>,
        entry: &AuditEntry,
        notice: Notice,
        name: Option<&str>,
    ) -> Result<(), PortError> {
        let Some(to) = to else {
            tracing::info!("notice not sent: the user has no verified address");
            return Ok(());
        };
        let name = name.map(str::to_owned);
        let message =
            OutboundMessage::Notification(Notification { id: entry.id, notice, name, at: entry.at, to });
        self.queue.enqueue(&message).await
    }

    /// Notifies the user of a change that is already made. If the queue refuses the notice, the change stays.
    pub(super) async fn tell_afterwards(
        &self,
        profile: &Profile,
        entry: &AuditEntry,
        notice: Notice,
        name: Option<&str>,
    ) {
        if let Err(fault) = self.tell(profile, entry, notice, name).await {
            telemetry::dependency_failed(&fault);
        }
    }
}
