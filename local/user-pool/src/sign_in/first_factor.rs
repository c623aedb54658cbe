//! Which first factors `USER_AUTH` offers (cognito.md §3.10), as a function of the pool's and the user's settings
//! alone.

use serde::Serialize;

use crate::model::policies::AuthFactor;
use crate::model::pool::{MfaState, Pool};
use crate::model::user::{User, UserStatus};
use crate::protocol::error::ApiError;

/// A challenge that begins a sign-in, by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FirstFactor {
    PasswordSrp,
    Password,
    EmailOtp,
    SmsOtp,
    WebAuthn,
}

impl FirstFactor {
    pub(crate) const ALL: [Self; 5] =
        [Self::PasswordSrp, Self::Password, Self::EmailOtp, Self::SmsOtp, Self::WebAuthn];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PasswordSrp => "PASSWORD_SRP",
            Self::Password => "PASSWORD",
            Self::EmailOtp => "EMAIL_OTP",
            Self::SmsOtp => "SMS_OTP",
            Self::WebAuthn => "WEB_AUTHN",
        }
    }

    /// Reads `PREFERRED_CHALLENGE`.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let known = Self::ALL.into_iter().find(|factor| factor.as_str() == text);
        known.ok_or_else(|| ApiError::invalid_parameter("Invalid PREFERRED_CHALLENGE."))
    }

    /// Returns the attribute that its codes go to.
    pub(super) fn attribute(self) -> Option<&'static str> {
        match self {
            Self::EmailOtp => Some("email"),
            Self::SmsOtp => Some("phone_number"),
            Self::PasswordSrp | Self::Password | Self::WebAuthn => None,
        }
    }
}

/// What the offer depends on.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Situation {
    pub(crate) pool: MfaState,
    /// `AllowedFirstAuthFactors`.
    pub(crate) allowed: Vec<AuthFactor>,
    pub(crate) has_password: bool,
    /// `FORCE_CHANGE_PASSWORD`: the password comes first.
    pub(crate) must_change_password: bool,
    pub(crate) has_email: bool,
    pub(crate) has_phone_number: bool,
    /// A passkey of the pool's present relying party.
    pub(crate) has_passkey: bool,
    /// The user has another MFA factor switched on.
    pub(crate) has_mfa: bool,
    /// Pool and user have passkey MFA on.
    pub(crate) passkey_is_mfa: bool,
}

impl Situation {
    pub(crate) fn of(pool: &Pool, user: &User) -> Self {
        Self {
            pool: pool.mfa.state,
            allowed: pool.first_factors(),
            has_password: user.password.is_some(),
            must_change_password: user.status == UserStatus::ForceChangePassword,
            has_email: user.attribute("email").is_some(),
            has_phone_number: user.attribute("phone_number").is_some(),
            has_passkey: user.passkeys_of(pool).next().is_some(),
            has_mfa: !user.mfa.enabled.is_empty(),
            passkey_is_mfa: user.passkey_is_mfa(pool),
        }
    }

    /// Describes a user who could exist, for an unknown name: a password and an e-mail address, or a phone
    /// number where the pool sends no e-mail codes.
    pub(super) fn invented(pool: &Pool) -> Self {
        let allowed = pool.first_factors();
        let by_email = allowed.contains(&AuthFactor::EmailOtp);
        Self {
            pool: pool.mfa.state,
            has_password: true,
            must_change_password: false,
            has_email: by_email,
            has_phone_number: !by_email,
            has_passkey: false,
            has_mfa: false,
            passkey_is_mfa: false,
            allowed,
        }
    }

    /// Codes and passkeys exclude MFA, but for a passkey that counts as MFA.
    fn is_without_mfa(&self) -> bool {
        match self.pool {
            MfaState::Off => true,
            MfaState::Optional => !self.has_mfa,
            MfaState::On => false,
        }
    }

    fn offers(&self, factor: FirstFactor) -> bool {
        let allows = |factor| self.allowed.contains(&factor);
        match factor {
            FirstFactor::PasswordSrp | FirstFactor::Password => {
                allows(AuthFactor::Password) && self.has_password
            }
            _ if self.must_change_password => false,
            FirstFactor::EmailOtp => allows(AuthFactor::EmailOtp) && self.has_email && self.is_without_mfa(),
            FirstFactor::SmsOtp => {
                allows(AuthFactor::SmsOtp) && self.has_phone_number && self.is_without_mfa()
            }
            FirstFactor::WebAuthn => {
                allows(AuthFactor::WebAuthn)
                    && self.has_passkey
                    && (self.passkey_is_mfa || self.is_without_mfa())
            }
        }
    }
}

/// Returns `AvailableChallenges`.
pub(crate) fn available(situation: &Situation) -> Vec<FirstFactor> {
    FirstFactor::ALL.into_iter().filter(|factor| situation.offers(*factor)).collect()
}

#[cfg(test)]
mod tests;
