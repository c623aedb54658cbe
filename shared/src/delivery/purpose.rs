use serde::{Deserialize, Serialize};

/// How a message reaches the user.
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

/// What a message is for: the part of a trigger source behind `CustomSMSSender_`,
/// `CustomEmailSender_` or `CustomMessage_` (cognito.md §1.11, §1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    SignUp,
    ResendCode,
    ForgotPassword,
    UpdateUserAttribute,
    VerifyUserAttribute,
    /// The only one with a temporary password instead of a code.
    AdminCreateUser,
    /// A second factor or a passwordless first one: the event does not say which, so the text must
    /// fit both.
    Authentication,
    /// E-mail only, without a code.
    AccountTakeOverNotification,
    /// Ours, not Cognito's: what was changed about a user's factors, told to the user. Without a code.
    Notice(Notice),
}

/// What a user is told of without having been asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// An e-mail address or phone number is being changed, or was.
    AddressChanged,
    AuthenticatorAdded,
    AuthenticatorRemoved,
    /// The pool's own authenticator is being set up anew: the one before works no more.
    AuthenticatorReplaced,
    FactorsChanged,
    /// A completed sign-in with a device that the pool did not know.
    NewDevice,
    RecoveryCodesReplaced,
    TrustedDeviceAdded,
    TrustedDeviceRemoved,
    /// A person who knows the password has begun to recover the account.
    RecoveryStarted,
    /// The account will be recovered by e-mail, unless its owner ends it.
    RecoveryWaiting,
    AccountRecovered,
    /// Something was changed by an administrator.
    #[serde(rename = "changed-by-support")]
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

    /// As it stands in the names of its sentences.
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
            Self::ChangedByAdministrator => "changed-by-support",
            Self::Welcome => "welcome",
        }
    }
}

impl Purpose {
    /// Those of Cognito's.
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

    /// Every one there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::COGNITO.into_iter().chain(Notice::ALL.map(Self::Notice))
    }

    /// As it stands in a trigger source; a notice has its own name.
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

    /// Reads a trigger source: `CustomSMSSender_Authentication` and the like. None for one that is
    /// not known (yet).
    pub fn of_source(source: &str) -> Option<Self> {
        let (_, name) = source.split_once('_')?;
        Self::COGNITO.into_iter().find(|purpose| purpose.name() == name)
    }
}
