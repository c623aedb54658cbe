/// A custom factor: the user proves it in a custom challenge, not by Cognito's MFA. The API and the table use its
/// [`name`](CustomFactor::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CustomFactor {
    EmailCode,
    SmsCode,
    /// An authenticator app whose seed we store.
    Totp,
    RecoveryCode,
    TrustedDevice,
}

impl CustomFactor {
    pub const ALL: [Self; 5] =
        [Self::EmailCode, Self::SmsCode, Self::Totp, Self::RecoveryCode, Self::TrustedDevice];

    pub fn name(self) -> &'static str {
        match self {
            Self::EmailCode => "email",
            Self::SmsCode => "sms",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
            Self::TrustedDevice => "trusted-device",
        }
    }

    /// The inverse of [`CustomFactor::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }

    /// Whether the user enters a code for this factor. A trusted device signs without the user, so it proves
    /// only that the browser is there.
    pub fn is_code(self) -> bool {
        self != Self::TrustedDevice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_same_factor() {
        for factor in CustomFactor::ALL {
            assert_eq!(CustomFactor::from_name(factor.name()), Some(factor));
        }
        assert_eq!(CustomFactor::from_name("SMS"), None);
    }
}
