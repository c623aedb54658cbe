use serde::{Deserialize, Serialize};

/// The channel of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Sms,
    Email,
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// The purpose of a message: the part of a trigger source behind `CustomSMSSender_`, `CustomEmailSender_` or
/// `CustomMessage_` (cognito.md §1.11, §1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    SignUp,
    ResendCode,
    ForgotPassword,
    UpdateUserAttribute,
    VerifyUserAttribute,
    /// The only purpose with a temporary password instead of a code.
    AdminCreateUser,
    /// A second factor or a passwordless first one. The event does not say which, so the text must fit both.
    Authentication,
    /// By e-mail only, without a code.
    AccountTakeOverNotification,
    /// Our own notice of a change to the user's factors, without a code.
    Notice(Notice),
}

/// A notice that we send without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// An e-mail address or a phone number is about to change, or has changed.
    AddressChanged,
    AuthenticatorAdded,
    AuthenticatorRemoved,
    /// The user sets up the pool's own authenticator anew. The earlier one no longer works.
    AuthenticatorReplaced,
    FactorsChanged,
    /// A completed sign-in with a device that the pool did not know.
    NewDevice,
    RecoveryCodesReplaced,
    TrustedDeviceAdded,
    TrustedDeviceRemoved,
    /// A person who knows the password has begun to recover the account.
    RecoveryStarted,
    /// The account will be recovered by e-mail, unless its owner stops it.
    RecoveryWaiting,
    AccountRecovered,
    /// An administrator changed something.
    ChangedByAdministrator,
    /// A sign-up is complete.
    Welcome,
}

impl Notice {
    pub const ALL: [Self; 14] = [
        Self::AddressChanged,
        Self::AuthenticatorAdded,
        Self::AuthenticatorRemoved,
        Self::AuthenticatorReplaced,
        Self::FactorsChanged,
        Self::NewDevice,
        Self::RecoveryCodesReplaced,
        Self::TrustedDeviceAdded,
        Self::TrustedDeviceRemoved,
        Self::RecoveryStarted,
        Self::RecoveryWaiting,
        Self::AccountRecovered,
        Self::ChangedByAdministrator,
        Self::Welcome,
    ];

    /// Returns the name that its sentences use.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddressChanged => "address-changed",
            Self::AuthenticatorAdded => "authenticator-added",
            Self::AuthenticatorRemoved => "authenticator-removed",
            Self::AuthenticatorReplaced => "authenticator-replaced",
            Self::FactorsChanged => "factors-changed",
            Self::NewDevice => "new-device",
            Self::RecoveryCodesReplaced => "recovery-codes-replaced",
            Self::TrustedDeviceAdded => "trusted-device-added",
            Self::TrustedDeviceRemoved => "trusted-device-removed",
            Self::RecoveryStarted => "recovery-started",
            Self::RecoveryWaiting => "recovery-waiting",
            Self::AccountRecovered => "account-recovered",
            Self::ChangedByAdministrator => "changed-by-administrator",
            Self::Welcome => "welcome",
        }
    }
}

impl Purpose {
    /// Cognito's own purposes.
    pub const COGNITO: [Self; 8] = [
        Self::SignUp,
        Self::ResendCode,
        Self::ForgotPassword,
        Self::UpdateUserAttribute,
        Self::VerifyUserAttribute,
        Self::AdminCreateUser,
        Self::Authentication,
        Self::AccountTakeOverNotification,
    ];

    /// Returns all purposes.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::COGNITO.into_iter().chain(Notice::ALL.map(Self::Notice))
    }

    /// Returns the name in a trigger source, or the name of a notice.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::ResendCode => "ResendCode",
            Self::ForgotPassword => "ForgotPassword",
            Self::UpdateUserAttribute => "UpdateUserAttribute",
            Self::VerifyUserAttribute => "VerifyUserAttribute",
            Self::AdminCreateUser => "AdminCreateUser",
            Self::Authentication => "Authentication",
            Self::AccountTakeOverNotification => "AccountTakeOverNotification",
            Self::Notice(notice) => notice.name(),
        }
    }

    /// Reads a trigger source, such as `CustomSMSSender_Authentication`. Returns `None` for a source that is
    /// unknown (yet).
    pub fn of_source(source: &str) -> Option<Self> {
        let (_, name) = source.split_once('_')?;
        Self::COGNITO.into_iter().find(|purpose| purpose.name() == name)
    }
}
