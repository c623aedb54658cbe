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
/// `CustomEmailSender_` or `CustomMessage_` (COGNITO.md §1.11, §1.15).
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
}

impl Purpose {
    pub const ALL: [Self; 8] = [
        Self::SignUp,
        Self::ResendCode,
        Self::ForgotPassword,
        Self::UpdateUserAttribute,
        Self::VerifyUserAttribute,
        Self::AdminCreateUser,
        Self::Authentication,
        Self::AccountTakeOverNotification,
    ];

    /// As it stands in a trigger source.
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
        }
    }

    /// Reads a trigger source: `CustomSMSSender_Authentication` and the like. None for one that is
    /// not known (yet).
    pub fn of_source(source: &str) -> Option<Self> {
        let (_, name) = source.split_once('_')?;
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}
