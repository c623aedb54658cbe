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
    /// A passkey whose authenticator has verified the user.
    Passkey,
}

impl CustomFactor {
    pub const ALL: [Self; 6] =
        [Self::EmailCode, Self::SmsCode, Self::Totp, Self::RecoveryCode, Self::TrustedDevice, Self::Passkey];

    pub fn name(self) -> &'static str {
        match self {
            Self::EmailCode => "email",
            Self::SmsCode => "sms",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
            Self::TrustedDevice => "trusted-device",
            Self::Passkey => "passkey",
        }
    }

    /// The inverse of [`CustomFactor::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }

    /// Whether the user takes part in the proof: enters a code, or is verified by a passkey's authenticator. A
    /// trusted device signs without the user, so it proves only that the browser is there.
    pub fn needs_user(self) -> bool {
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
