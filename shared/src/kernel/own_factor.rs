/// A factor that is ours: proven in a custom challenge, not by Cognito's own MFA. On our wires and in
/// what is kept by its [`name`](OwnFactor::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnFactor {
    EmailCode,
    SmsCode,
    /// An authenticator app of ours.
    Totp,
    RecoveryCode,
    TrustedDevice,
}

impl OwnFactor {
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

    /// The inverse of [`OwnFactor::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }

    /// Whether the user has entered a code for it. A trusted device signs by itself: it proves that the
    /// browser is there, not the user.
    pub fn is_code(self) -> bool {
        self != Self::TrustedDevice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_same_factor() {
        for factor in OwnFactor::ALL {
            assert_eq!(OwnFactor::from_name(factor.name()), Some(factor));
        }
        assert_eq!(OwnFactor::from_name("SMS"), None);
    }
}
