use async_trait::async_trait;

use super::{FactorState, FriendlyDeviceName, PreferenceChange, TotpSecret};
use crate::{
    delivery::{Destination, Recipient},
    kernel::{AccessToken, EmailAddress, OneTimeCode, PhoneNumber, PortError, UserId},
};

/// The user pool's own factors, reached with nothing but the user's access token.
///
/// Contract: `profile` fails with [`UserPoolFault::NotSignedIn`] for a token that was revoked;
/// `set_preference` leaves factors without a block as they are; a verified TOTP code is
/// [`TotpVerification::AlreadyUsed`] or [`TotpVerification::WrongCode`] the second time.
#[async_trait]
pub trait NativeFactors: Send + Sync {
    /// `GetUser`: also the proof that the token still holds.
    async fn profile(&self, token: &AccessToken) -> Result<Profile, UserPoolFault>;

    /// `AssociateSoftwareToken`. An authenticator that the user has stops working at once
    /// (cognito.md §4.4).
    async fn associate_totp(&self, token: &AccessToken) -> Result<TotpSecret, UserPoolFault>;

    /// `VerifySoftwareToken`. Registers the authenticator; it becomes a factor by `set_preference`.
    async fn verify_totp(
        &self,
        token: &AccessToken,
        code: &OneTimeCode,
        device: Option<&FriendlyDeviceName>,
    ) -> Result<TotpVerification, UserPoolFault>;

    /// `SetUserMFAPreference`.
    async fn set_preference(
        &self,
        token: &AccessToken,
        change: &PreferenceChange,
    ) -> Result<(), UserPoolFault>;
}

/// What `GetUser` says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub user: UserId,
    /// What an authenticator app shows: the e-mail address, else the phone number, else the
    /// username.
    pub account: String,
    pub contacts: Contacts,
    pub factors: FactorState,
}

/// Where and how the user is told of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contacts {
    pub user_name: String,
    /// Verified.
    pub email: Option<EmailAddress>,
    /// Verified.
    pub phone_number: Option<PhoneNumber>,
    /// The attribute as it is in the profile.
    pub locale: Option<String>,
}

impl Profile {
    /// Where the user is told of a change: by e-mail, which says more and costs less, else by text
    /// message. Neither is the channel the change came by. None without a verified address.
    pub fn recipient(&self) -> Option<Recipient> {
        let Contacts { user_name, email, phone_number, locale } = &self.contacts;
        let email = email.clone().map(Destination::Email);
        Some(Recipient {
            user: self.user.clone(),
            user_name: user_name.clone(),
            destination: email.or_else(|| phone_number.clone().map(Destination::Sms))?,
            is_verified: true,
            locales: locale.iter().cloned().collect(),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpVerification {
    Verified,
    WrongCode,
    AlreadyUsed,
    /// No secret was handed out before.
    NotStarted,
}

/// Why the pool did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum UserPoolFault {
    #[error("the access token no longer holds")]
    NotSignedIn,
    #[error("the pool does not offer authenticator apps")]
    TotpNotOffered,
    /// `InvalidParameterException` of a preference: the factor has nothing to deliver to, or no
    /// verified secret.
    #[error("the factor is not set up")]
    FactorNotSetUp,
    #[error("the pool knows no such device")]
    DeviceNotFound,
    /// Another account has it.
    #[error("the address is taken")]
    AddressTaken,
    #[error("there is no address to verify")]
    NoAddress,
    /// The app client, or the pool's schema, does not let users change it.
    #[error("the address can't be changed")]
    AddressFixed,
    #[error("throttled")]
    Throttled,
    #[error(transparent)]
    Port(#[from] PortError),
}
