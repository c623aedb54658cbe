//! Custom factors: named authenticators, passkeys, recovery codes and trusted devices. Cognito has one
//! authenticator per user, no recovery codes, devices for SRP only, and no passkeys in custom challenges.
//!
//! One item per user, [`CustomFactors`], holds them all, so one read gives a sign-in all it needs. Each
//! change through the MFA API is one conditional write on the item's `revision`. Of two changes at a time,
//! the second must read again. What a sign-in uses up (a TOTP step, a recovery code) is written independently
//! of `revision`. Only the new counter of a passkey raises `revision`, because a change writes all passkeys.
//!
//! `factor_epoch` goes up whenever the factors that can prove something change. The change also removes every
//! trusted device. A sign-in that began before cannot be finished with the earlier factors.

mod authenticator;
mod change;
mod device;
mod id;
pub mod passkey;
mod port;
mod recovery_code;
mod service;
mod totp;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use authenticator::Authenticator;
pub use change::Change;
pub use device::{DeviceKey, DeviceStatement, InvalidDeviceKey, TrustedDevice};
pub use id::{FactorId, InvalidFactorId};
pub use port::{ChangeOutcome, CustomFactorStore, PoolFactorNote, Seeds};
pub use recovery_code::{InvalidRecoveryCode, RecoveryCode, RecoveryHash};
pub use service::{CustomFactorService, NewRecoveryCodes};
pub use totp::{SealedSeed, TotpCheck, TotpSeed, TotpStep};

use crate::{factors::enrolment::FriendlyDeviceName, kernel::CustomFactor};

/// Maximum number of named authenticators per user, including unfinished ones.
pub const MOST_AUTHENTICATORS: usize = 5;
/// Maximum number of passkeys per user.
pub const MOST_PASSKEYS: usize = 10;
/// Maximum number of trusted devices per user.
pub const MOST_DEVICES: usize = 10;
/// Number of recovery codes made at a time.
pub const RECOVERY_CODES: usize = 10;
/// An authenticator that is not confirmed within this time is removed.
pub const SET_UP_TIME: SignedDuration = SignedDuration::from_mins(15);
/// How long a device is trusted.
pub const DEVICE_TRUST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A user's custom factors from one read. [`Default`] means that nothing is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFactors {
    /// The epoch of factors: how often the factors that can prove something have changed.
    pub factor_epoch: u64,
    /// The number of writes by the MFA API.
    pub revision: u64,
    /// All authenticators, including unfinished ones, which [`CustomFactors::confirmed`] leaves out.
    pub authenticators: BTreeMap<FactorId, Authenticator>,
    /// The last step that a code of any authenticator was accepted for.
    pub last_step: Option<TotpStep>,
    /// Hashes of the unused recovery codes.
    pub recovery: BTreeSet<RecoveryHash>,
    /// Whether the codes were made after a sign-in at a native client. Such codes recover the account, but
    /// are no factor of a custom challenge. So a thief of the password cannot use a factor set up at Cognito
    /// to get further.
    pub recovery_only: bool,
    /// All devices, including expired ones, which [`CustomFactors::trusted`] leaves out.
    pub devices: BTreeMap<FactorId, TrustedDevice>,
    /// All passkeys of the user.
    pub passkeys: BTreeMap<FactorId, passkey::Passkey>,
    /// The registration that waits for the browser's answer. A later one replaces it.
    pub passkey_registration: Option<PasskeyRegistration>,
    pub last_proof: Option<LastProof>,
    /// The time since which a pool factor is known to be on. A sign-in counts the factor only if it was known
    /// before.
    pub pool_factor_since: Option<Timestamp>,
    /// Whether the user has had a counted factor that was not removed with a proof or by an administrator.
    pub had_factor: bool,
    /// The user's settings for codes by e-mail and SMS.
    pub message_codes: MessageCodes,
    /// When the pool's own authenticator was replaced by a new one that is not confirmed yet. The pool still
    /// lists it as on (cognito.md §4.4).
    pub pool_totp_stopped_at: Option<Timestamp>,
}

/// A registration of a passkey that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRegistration {
    pub name: FriendlyDeviceName,
    /// The state of the ceremony, used once.
    pub state: Vec<u8>,
    pub begun_at: Timestamp,
}

/// The last completed sign-in with custom factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastProof {
    pub at: Timestamp,
    pub factors: BTreeSet<CustomFactor>,
    /// Factors proven by Cognito's own MFA in the same sign-in.
    pub native: BTreeSet<CustomFactor>,
    /// App client id.
    pub client: String,
}

/// Whether codes by one channel are offered in custom challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MessageCodeSetting {
    /// Codes are offered as long as the user has no authenticator.
    #[default]
    Automatic,
    On,
    Off,
}

/// The settings of both channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCodes {
    pub email: MessageCodeSetting,
    pub sms: MessageCodeSetting,
}

impl MessageCodes {
    /// Returns whether codes of this factor are offered to a user who `has_authenticator`. `keep_weaker` is
    /// the policy's setting.
    pub fn offers(self, factor: CustomFactor, has_authenticator: bool, keep_weaker: bool) -> bool {
        let setting = match factor {
            CustomFactor::EmailCode => self.email,
            CustomFactor::SmsCode => self.sms,
            CustomFactor::Totp
            | CustomFactor::RecoveryCode
            | CustomFactor::TrustedDevice
            | CustomFactor::Passkey => return true,
        };
        match setting {
            MessageCodeSetting::On => true,
            MessageCodeSetting::Off => false,
            MessageCodeSetting::Automatic => keep_weaker || !has_authenticator,
        }
    }
}

impl CustomFactors {
    /// Returns whether the user has, or once had, a counted factor.
    pub fn has_ever_counted(&self) -> bool {
        self.had_factor || self.has_custom() || self.pool_factor_since.is_some()
    }

    /// Returns whether the user has an authenticator, a passkey or a trusted device. Recovery codes do not count
    /// here: they remain after a completed recovery, when the user sets up factors again.
    fn has_custom(&self) -> bool {
        self.confirmed().next().is_some() || !self.passkeys.is_empty() || !self.devices.is_empty()
    }

    /// Returns whether the user is covered: has factors for a custom client, or has signed in there.
    pub fn is_covered(&self) -> bool {
        self.has_custom() || self.last_proof.is_some()
    }

    /// Returns whether the recovery codes still recover the account.
    ///
    /// A thief of the password can make codes at a native client before the owner has a factor. So codes of a
    /// native client stop working once a custom client covers the user.
    pub fn recovery_codes_work(&self) -> bool {
        !(self.recovery_only && self.is_covered())
    }

    /// Counts the unused recovery codes that still work.
    pub fn recovery_codes_left(&self) -> usize {
        if self.recovery_codes_work() { self.recovery.len() } else { 0 }
    }

    /// Returns the authenticator that was confirmed last. Only this one counts in a sign-in by name alone.
    pub fn newest_confirmed(&self) -> Option<&Authenticator> {
        self.confirmed().map(|(_, found)| found).max_by_key(|found| found.created_at)
    }

    /// Returns the confirmed authenticators.
    pub fn confirmed(&self) -> impl Iterator<Item = (&FactorId, &Authenticator)> {
        self.authenticators.iter().filter(|(_, authenticator)| authenticator.is_confirmed)
    }

    /// Returns the devices that are trusted at `now`.
    pub fn trusted(&self, now: Timestamp) -> impl Iterator<Item = (&FactorId, &TrustedDevice)> {
        self.devices.iter().filter(move |(_, device)| now < device.expires_at)
    }

    /// Returns the device with this id if it is trusted at `now`.
    pub fn trusted_device(&self, id: &FactorId, now: Timestamp) -> Option<&TrustedDevice> {
        self.devices.get(id).filter(|device| now < device.expires_at)
    }
}
