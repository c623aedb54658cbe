//! The audit trail: who changed which factor, when. Append-only; no secret, no address.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::kernel::{Clock, Entropy, PoolFactor, PortError, UserId};

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: uuid::Uuid,
    pub user: UserId,
    pub at: Timestamp,
    pub action: AuditAction,
    /// Who did it, where that is not the user.
    pub by: Option<Authority>,
}

/// An administrator, and why they did it. Looks need no reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    pub user: UserId,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum AuditAction {
    /// A new authenticator's secret was handed out; with `replace` the old one stopped working.
    TotpStarted {
        replace: bool,
    },
    TotpVerified,
    PreferenceChanged {
        factor: PoolFactor,
        enabled: bool,
        preferred: bool,
    },
    /// An event of a custom factor. `id` names the authenticator or device.
    CustomFactor {
        event: FactorEvent,
        id: Option<uuid::Uuid>,
    },
    /// A sign-in was completed on a device that the pool did not know.
    NewDeviceUsed,
    /// Something about the recovery of the account.
    Recovery {
        event: RecoveryEvent,
    },
    /// An administrator did something to the user.
    Admin {
        event: AdminEvent,
    },
    /// A code or notification was not sent.
    MessageNotSent {
        channel: &'static str,
        reason: &'static str,
    },
}

/// What a user did with a custom factor, an address, or a device that the pool remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorEvent {
    AuthenticatorStarted,
    AuthenticatorConfirmed,
    AuthenticatorRenamed,
    AuthenticatorRemoved,
    RecoveryCodesReplaced,
    DeviceTrusted,
    DeviceRenamed,
    DeviceRevoked,
    DeviceRemembered,
    DeviceForgotten,
    EmailChanged,
    EmailVerified,
    PhoneNumberChanged,
    PhoneNumberVerified,
    AddressCodeSent,
    MessageCodesSet,
}

impl FactorEvent {
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthenticatorStarted => "authenticator-started",
            Self::AuthenticatorConfirmed => "authenticator-confirmed",
            Self::AuthenticatorRenamed => "authenticator-renamed",
            Self::AuthenticatorRemoved => "authenticator-removed",
            Self::RecoveryCodesReplaced => "recovery-codes-replaced",
            Self::DeviceTrusted => "device-trusted",
            Self::DeviceRenamed => "device-renamed",
            Self::DeviceRevoked => "device-revoked",
            Self::DeviceRemembered => "device-remembered",
            Self::DeviceForgotten => "device-forgotten",
            Self::EmailChanged => "email-changed",
            Self::EmailVerified => "email-verified",
            Self::PhoneNumberChanged => "phone-number-changed",
            Self::PhoneNumberVerified => "phone-number-verified",
            Self::AddressCodeSent => "address-code-sent",
            Self::MessageCodesSet => "message-codes-set",
        }
    }
}

/// What became of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryEvent {
    /// A caller who knew the password opened a recovery.
    Opened,
    /// The wait for a mailed code has begun.
    Waiting,
    /// By the owner's link.
    Stopped,
    /// The mailed code was entered, but the owner has signed in or changed something meanwhile.
    EndedByOwner,
    /// It was proven; a new password is set next.
    Begun,
    Recovered,
    /// The factor can't be taken away: the pool requires one, and the user has no other.
    EscalatedNoOtherFactor,
    /// The factor can't be taken away: Cognito did not do it.
    EscalatedStillThere,
}

impl RecoveryEvent {
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "recovery-opened",
            Self::Waiting => "recovery-waiting",
            Self::Stopped => "recovery-stopped",
            Self::EndedByOwner => "recovery-ended-by-owner",
            Self::Begun => "recovery-begun",
            Self::Recovered => "recovered",
            Self::EscalatedNoOtherFactor => "recovery-handed-over-no-other-factor",
            Self::EscalatedStillThere => "recovery-handed-over-still-there",
        }
    }
}

/// What an administrator does to a user, or looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminEvent {
    MfaReset,
    PreferenceChanged,
    PhoneNumberSet,
    Unlocked,
    DevicesForgotten,
    Erased,
    UserViewed,
    AuditViewed,
}

impl AdminEvent {
    pub fn name(self) -> &'static str {
        match self {
            Self::MfaReset => "support-mfa-reset",
            Self::PreferenceChanged => "support-preference-changed",
            Self::PhoneNumberSet => "support-phone-number-set",
            Self::Unlocked => "support-unlocked",
            Self::DevicesForgotten => "support-devices-forgotten",
            Self::Erased => "support-erased",
            Self::UserViewed => "support-user-viewed",
            Self::AuditViewed => "support-audit-viewed",
        }
    }
}

impl AuditEntry {
    /// A line with an id of its own that sorts by time (UUID v7).
    pub fn new(
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        user: UserId,
        action: AuditAction,
    ) -> Result<Self, PortError> {
        Self::at(clock.now(), entropy, user, action)
    }

    /// The same for a time that was read before.
    pub fn at(
        at: Timestamp,
        entropy: &dyn Entropy,
        user: UserId,
        action: AuditAction,
    ) -> Result<Self, PortError> {
        let mut random = [0; 10];
        entropy.fill(&mut random)?;
        let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or_default();
        let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        Ok(Self { id, user, at, action, by: None })
    }
}

/// A line as it is read again. What else was kept with it is for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    pub id: uuid::Uuid,
    pub at: Timestamp,
    /// Its name, those of older versions included.
    pub action: String,
    pub factor: Option<PoolFactor>,
}

/// Reads the trail.
///
/// Contract: the newest first, each once over all pages, however many are appended meanwhile.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// At most `most` lines of a user, before `before` if it is given.
    async fn newest(
        &self,
        user: &UserId,
        before: Option<uuid::Uuid>,
        most: usize,
    ) -> Result<Vec<AuditLine>, PortError>;
}

/// Keeps the trail.
///
/// Contract: an entry is kept once, however often it is appended, and never changed.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    async fn append(&self, entry: &AuditEntry) -> Result<(), PortError>;
}
