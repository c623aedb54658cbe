//! Decides what a sign-in has proven, and what that permits. `docs/security/assurance.md` is the
//! specification.
//!
//! [`Proofs`] are the facts that one sign-in proved, and [`level`] counts the independent ones. The tokens of
//! that sign-in carry its [`Evidence`]. [`decide`] says whether the evidence is enough for a change of
//! factors.

mod change;
mod evidence;
mod records;

use std::collections::BTreeSet;

pub use change::{ChangeKind, ChangeRequest, ClientKind, Decision, FactorCoverage, decide};
pub use evidence::{Evidence, LEVEL_CLAIM, SECOND_FACTOR_AT_CLAIM, SECOND_FACTOR_LEVEL};
pub use records::{RECORD_LIFE, RecordedSignIn, SAME_SIGN_IN, SignInRecords, weakest};

use crate::{config::Environment, kernel::CustomFactor};

/// The class of a factor by what it proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorClass {
    /// A mailbox or a phone number. A code there reaches every person who can read it.
    Channel,
    /// An authenticator app or a browser's key.
    Possession,
    /// Codes that the user printed in case everything else is lost.
    Backup,
}

/// Returns the class of a factor.
pub fn class_of(factor: CustomFactor) -> FactorClass {
    match factor {
        CustomFactor::EmailCode | CustomFactor::SmsCode => FactorClass::Channel,
        CustomFactor::Totp | CustomFactor::TrustedDevice | CustomFactor::Passkey => FactorClass::Possession,
        CustomFactor::RecoveryCode => FactorClass::Backup,
    }
}

/// The channels by which Cognito resets a password (`AccountRecoverySetting`, cognito.md §4.3).
///
/// A person who holds such a channel can set the password. So a password and a code to that channel are
/// one proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRecovery {
    pub email: bool,
    pub sms: bool,
}

/// The strictest value: both channels reset the password.
impl Default for PasswordRecovery {
    fn default() -> Self {
        Self { email: true, sms: true }
    }
}

impl PasswordRecovery {
    /// Parses `email`, `sms`, `email,sms` or `none`. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut recovery = Self { email: false, sms: false };
        if text == "none" {
            return Some(recovery);
        }
        for channel in text.split(',').map(str::trim) {
            match channel {
                "email" => recovery.email = true,
                "sms" => recovery.sms = true,
                _ => return None,
            }
        }
        Some(recovery)
    }

    /// Reads `MFA_PASSWORD_RECOVERY`. An absent variable is the strictest value.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let Some(text) = environment.optional("MFA_PASSWORD_RECOVERY") else { return Self::default() };
        Self::parse(&text).unwrap_or_else(|| {
            environment.problem("MFA_PASSWORD_RECOVERY must be email, sms, \"email,sms\" or none");
            Self::default()
        })
    }

    /// Whether a code of this factor goes to a channel that resets the password.
    pub fn resets_by(self, factor: CustomFactor) -> bool {
        match factor {
            CustomFactor::EmailCode => self.email,
            CustomFactor::SmsCode => self.sms,
            CustomFactor::Totp
            | CustomFactor::RecoveryCode
            | CustomFactor::TrustedDevice
            | CustomFactor::Passkey => false,
        }
    }
}

/// The facts that one sign-in proved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    pub password: bool,
    /// The proven factors. They include pool factors and custom factors.
    pub factors: BTreeSet<CustomFactor>,
    /// Whether a device that Cognito remembers replaced a pool factor.
    pub remembered_device: bool,
}

impl Proofs {
    /// Returns the proofs without devices, because a device signs without the user.
    fn without_devices(&self) -> Self {
        let factors = self.factors.iter().copied().filter(|factor| factor.needs_user()).collect();
        Self { password: self.password, factors, remembered_device: false }
    }
}

/// Counts the independent proofs: the number of different things that an attacker must hold to repeat them
/// all.
pub fn level(proofs: &Proofs, recovery: PasswordRecovery) -> u8 {
    let is_contained = proofs.factors.iter().any(|factor| recovery.resets_by(*factor));
    let password = u8::from(proofs.password && !is_contained);
    let factors = u8::try_from(proofs.factors.len()).unwrap_or(u8::MAX);
    // A passkey is two proofs: its authenticator, and the PIN or the biometric that unlocked it.
    let verification = u8::from(proofs.factors.contains(&CustomFactor::Passkey));
    password
        .saturating_add(factors)
        .saturating_add(verification)
        .saturating_add(u8::from(proofs.remembered_device))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use CustomFactor::{EmailCode, Passkey, RecoveryCode, SmsCode, Totp, TrustedDevice};

    const BY_EMAIL: PasswordRecovery = PasswordRecovery { email: true, sms: false };

    /// Follows the table of docs/security/assurance.md, "Levels".
    #[rstest]
    #[case::password(true, &[], 1)]
    #[case::email(false, &[EmailCode], 1)]
    #[case::password_and_the_channel_that_resets_it(true, &[EmailCode], 1)]
    #[case::password_and_another_channel(true, &[SmsCode], 2)]
    #[case::password_and_authenticator(true, &[Totp], 2)]
    #[case::password_and_recovery_code(true, &[RecoveryCode], 2)]
    #[case::mailbox_and_authenticator(false, &[EmailCode, Totp], 2)]
    #[case::password_mailbox_and_authenticator(true, &[EmailCode, Totp], 2)]
    #[case::password_and_device(true, &[TrustedDevice], 2)]
    #[case::passkey(false, &[Passkey], 2)]
    #[case::password_and_passkey(true, &[Passkey], 3)]
    #[case::mailbox_and_passkey(true, &[EmailCode, Passkey], 3)]
    #[case::nothing(false, &[], 0)]
    fn independent_proofs(#[case] password: bool, #[case] factors: &[CustomFactor], #[case] expected: u8) {
        let proofs =
            Proofs { password, factors: factors.iter().copied().collect(), remembered_device: false };
        assert_eq!(level(&proofs, BY_EMAIL), expected);
    }

    #[test]
    fn one_more_proof_never_lowers_the_level() {
        let all: Vec<Proofs> = (0..128_u32)
            .map(|bits| Proofs {
                password: bits & 1 > 0,
                factors: CustomFactor::ALL
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| bits & (2 << at) > 0)
                    .map(|(_, factor)| factor)
                    .collect(),
                remembered_device: false,
            })
            .collect();
        for recovery in [BY_EMAIL, PasswordRecovery::default(), PasswordRecovery { email: false, sms: true }]
        {
            for fewer in &all {
                for more in all.iter().filter(|more| {
                    more.factors.is_superset(&fewer.factors) && more.password >= fewer.password
                }) {
                    assert!(level(more, recovery) >= level(fewer, recovery), "{fewer:?} {more:?}");
                }
            }
        }
    }

    #[test]
    fn every_value_of_the_variable() {
        assert_eq!(PasswordRecovery::parse("email"), Some(BY_EMAIL));
        assert_eq!(PasswordRecovery::parse("sms, email"), Some(PasswordRecovery::default()));
        assert_eq!(PasswordRecovery::parse("none"), Some(PasswordRecovery { email: false, sms: false }));
        for wrong in ["", "mail", "email,", "none,email", "EMAIL"] {
            assert_eq!(PasswordRecovery::parse(wrong), None, "{wrong}");
        }
    }
}
