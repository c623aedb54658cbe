//! The factors that are ours and not the user pool's: named authenticators, recovery codes, trusted
//! devices. Cognito has one authenticator a user, no recovery codes, and devices for SRP only.
//!
//! All of a user's are one item, [`CustomFactors`]: one read tells a sign-in everything. Changes made
//! through the MFA API go by its `revision`, so that of two at a time one is told to look again; each is
//! one conditional write. What a sign-in uses up (a TOTP step, a recovery code) is written beside that.
//!
//! `generation` goes up whenever what can prove changes, and with it every trusted device is gone: a
//! sign-in that began before can't be finished with what was true then.

mod authenticator;
mod change;
mod device;
mod id;
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

use crate::kernel::CustomFactor;

/// Named authenticators a user, those being set up included.
pub const MOST_AUTHENTICATORS: usize = 5;
/// Trusted devices a user.
pub const MOST_DEVICES: usize = 10;
/// Recovery codes made at a time.
pub const RECOVERY_CODES: usize = 10;
/// An authenticator that was not confirmed by then is removed.
pub const SET_UP_TIME: SignedDuration = SignedDuration::from_mins(15);
/// A device is trusted for this long.
pub const DEVICE_TRUST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A user's own factors as they were read. [`Default`]: nothing is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFactors {
    /// How often what can prove has changed.
    pub factor_epoch: u64,
    /// How often the MFA API has written.
    pub revision: u64,
    /// Those that are still being set up included; [`CustomFactors::confirmed`] leaves them out.
    pub authenticators: BTreeMap<FactorId, Authenticator>,
    /// The last step that a code of any authenticator was accepted for.
    pub last_step: Option<TotpStep>,
    /// Of the recovery codes that are left.
    pub recovery: BTreeSet<RecoveryHash>,
    /// The codes were made after a sign-in at a native client: they recover the account, and are no factor of
    /// a custom challenge. A factor that a thief of the password set up at Cognito leads no further.
    pub recovery_only: bool,
    /// Those that have run out included; [`CustomFactors::trusted`] leaves them out.
    pub devices: BTreeMap<FactorId, TrustedDevice>,
    pub last_proof: Option<LastProof>,
    /// Since when a factor of the pool is known to be on. A sign-in counts it only if it was known before.
    pub pool_factor_since: Option<Timestamp>,
    /// The user has had a factor that counts, and nothing took it away by right.
    pub had_factor: bool,
    /// What the user decided about codes by e-mail and SMS.
    pub message_codes: MessageCodes,
    /// When the pool's own authenticator was replaced by a new one that is not confirmed yet. The pool
    /// still lists it as on (cognito.md §4.4).
    pub pool_totp_stopped_at: Option<Timestamp>,
}

/// The last completed sign-in with custom factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastProof {
    pub at: Timestamp,
    pub factors: BTreeSet<CustomFactor>,
    /// By Cognito's own MFA, in the same sign-in.
    pub native: BTreeSet<CustomFactor>,
    /// App client id.
    pub client: String,
}

/// Whether codes by one channel are offered in custom challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MessageCodeSetting {
    /// As long as the user has no authenticator.
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
    /// Whether codes of this factor are offered to a user who `has_authenticator`. `keep_weaker`: the
    /// policy keeps them.
    pub fn offers(self, factor: CustomFactor, has_authenticator: bool, keep_weaker: bool) -> bool {
        let setting = match factor {
            CustomFactor::EmailCode => self.email,
            CustomFactor::SmsCode => self.sms,
            CustomFactor::Totp | CustomFactor::RecoveryCode | CustomFactor::TrustedDevice => return true,
        };
        match setting {
            MessageCodeSetting::On => true,
            MessageCodeSetting::Off => false,
            MessageCodeSetting::Automatic => keep_weaker || !has_authenticator,
        }
    }
}

impl CustomFactors {
    /// Whether the user has, or once had, a factor that counts.
    pub fn has_ever_counted(&self) -> bool {
        self.had_factor || self.has_custom() || self.pool_factor_since.is_some()
    }

    /// Whether the user has an authenticator or a trusted device. Recovery codes are a way back to other
    /// factors: a completed recovery leaves them, and the user begins anew.
    fn has_custom(&self) -> bool {
        self.confirmed().next().is_some() || !self.devices.is_empty()
    }

    /// Whether a custom client covers the user: they have factors for it, or have signed in there.
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

    /// Returns the authenticator that was confirmed last: the only one that counts for a name alone.
    pub fn newest_confirmed(&self) -> Option<&Authenticator> {
        self.confirmed().map(|(_, found)| found).max_by_key(|found| found.created_at)
    }

    /// The authenticators that prove something.
    pub fn confirmed(&self) -> impl Iterator<Item = (&FactorId, &Authenticator)> {
        self.authenticators.iter().filter(|(_, authenticator)| authenticator.is_confirmed)
    }

    /// The devices that are trusted at `now`.
    pub fn trusted(&self, now: Timestamp) -> impl Iterator<Item = (&FactorId, &TrustedDevice)> {
        self.devices.iter().filter(move |(_, device)| now < device.expires_at)
    }

    /// The device of this id, if it is trusted at `now`.
    pub fn trusted_device(&self, id: &FactorId, now: Timestamp) -> Option<&TrustedDevice> {
        self.devices.get(id).filter(|device| now < device.expires_at)
    }
}
