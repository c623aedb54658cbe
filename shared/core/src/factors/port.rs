use async_trait::async_trait;

use super::{
    enrolment::{FriendlyDeviceName, TotpSecret},
    preference::{FactorState, PreferenceChange},
};
use crate::{
    delivery::{Recipient, toll_fraud::Destination},
    kernel::{AccessToken, EmailAddress, OneTimeCode, PhoneNumber, PortError, UserId},
};

/// Reads and changes the pool factors, with only the user's access token.
///
/// Contract: `profile` fails with [`UserPoolFault::NotSignedIn`] for a revoked token. `set_preference` does
/// not change factors without a block. The second use of a verified TOTP code is
/// [`TotpVerification::AlreadyUsed`] or [`TotpVerification::WrongCode`].
#[async_trait]
pub trait NativeFactors: Send + Sync + std::fmt::Debug {
    /// `GetUser`. It also proves that the token is still valid.
    async fn profile(&self, token: &AccessToken) -> Result<Profile, UserPoolFault>;

    /// `AssociateSoftwareToken`. The user's present authenticator stops working at once (cognito.md §4.4).
    async fn associate_totp(&self, token: &AccessToken) -> Result<TotpSecret, UserPoolFault>;

    /// `VerifySoftwareToken`. Registers the authenticator, which `set_preference` then makes a factor.
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

/// A user's profile from `GetUser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub user: UserId,
    /// The account that an authenticator app shows: the e-mail address, else the phone number, else the
    /// username.
    pub account: String,
    pub contacts: Contacts,
    pub factors: FactorState,
}

/// The addresses and the locale for notices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contacts {
    pub user_name: String,
    /// Present if it is verified.
    pub email: Option<EmailAddress>,
    /// Present if it is verified.
    pub phone_number: Option<PhoneNumber>,
    /// The profile's attribute, unchanged.
    pub locale: Option<String>,
}

impl Profile {
    /// Returns where we notify the user of a change: by e-mail, which says more and costs less, else by text
    /// message. The change itself came through the API, by neither channel. Returns `None` without a verified
    /// address.
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
    /// No set-up was started, so there is no secret.
    NotStarted,
}

/// Why the pool did not do what we asked.
#[derive(Debug, thiserror::Error)]
pub enum UserPoolFault {
    #[error("the access token no longer holds")]
    NotSignedIn,
    #[error("the pool does not offer authenticator apps")]
    TotpNotOffered,
    /// `InvalidParameterException` of a preference: the factor has no address, or no verified secret.
    #[error("the factor is not set up")]
    FactorNotSetUp,
    #[error("the pool knows no such device")]
    DeviceNotFound,
    /// Another account has the address.
    #[error("the address is taken")]
    AddressTaken,
    #[error("there is no address to verify")]
    NoAddress,
    /// The app client, or the pool's schema, does not let users change the address.
    #[error("the address can't be changed")]
    AddressFixed,
    #[error("throttled")]
    Throttled,
    #[error(transparent)]
    Port(#[from] PortError),
}
