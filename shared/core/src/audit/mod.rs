//! The audit trail: who changed which factor, and when. It is append-only and holds no secret and no address.

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
    /// The administrator who acted. `None` if the user acted.
    pub by: Option<Authority>,
}

/// An administrator and the reason of the operation. Looks need no reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    pub user: UserId,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum AuditAction {
    /// A new authenticator's secret was returned. With `replace` the old secret stopped working.
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
    /// A sign-in was completed on a device that the pool did not remember.
    NewDeviceUsed,
    /// An event of a recovery case.
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

/// An event of a custom factor, an address or a remembered device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorEvent {
    AuthenticatorStarted,
    AuthenticatorConfirmed,
    AuthenticatorRenamed,
    AuthenticatorRemoved,
    RecoveryCodesReplaced,
    PasskeyStarted,
    PasskeyAdded,
    PasskeyRenamed,
    PasskeyRemoved,
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
            Self::PasskeyStarted => "passkey-started",
            Self::PasskeyAdded => "passkey-added",
            Self::PasskeyRenamed => "passkey-renamed",
            Self::PasskeyRemoved => "passkey-removed",
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

/// An event of a recovery case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryEvent {
    /// A caller who knew the password opened a recovery case.
    Opened,
    /// The wait for a mailed code has begun.
    Waiting,
    /// The owner's link stopped the case.
    Stopped,
    /// The mailed code was entered, but the owner has signed in or changed something meanwhile.
    EndedByOwner,
    /// The case was proven. The new password is set next.
    Begun,
    Recovered,
    /// The factor cannot be removed: the pool requires one, and the user has no other.
    EscalatedNoOtherFactor,
    /// The factor cannot be removed: Cognito accepted the change but did not make it.
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

/// An operation or a look of an administrator.
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
    /// Creates a line with an id of its own that sorts by time (UUID v7).
    pub fn new(
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        user: UserId,
        action: AuditAction,
    ) -> Result<Self, PortError> {
        Self::at(clock.now(), entropy, user, action)
    }

    /// Creates a line for a time that was read before.
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

/// A line that is read from the trail. Further stored members are for operators only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    pub id: uuid::Uuid,
    pub at: Timestamp,
    /// The name of the action. It may be one of an older version.
    pub action: String,
    pub factor: Option<PoolFactor>,
}

/// Reads the trail.
///
/// Contract: `newest` returns the newest lines first. Over all pages each line appears once, even if lines
/// are appended meanwhile.
#[async_trait]
pub trait AuditLog: Send + Sync + std::fmt::Debug {
    /// Returns at most `most` lines of a user. If `before` is given, all are older than it.
    async fn newest(
        &self,
        user: &UserId,
        before: Option<uuid::Uuid>,
        most: usize,
    ) -> Result<Vec<AuditLine>, PortError>;
}

/// Appends to the trail.
///
/// Contract: an entry is stored once, even if it is appended several times, and it never changes.
#[async_trait]
pub trait AuditTrail: Send + Sync + std::fmt::Debug {
    async fn append(&self, entry: &AuditEntry) -> Result<(), PortError>;
}
