use serde::{Deserialize, Serialize};

/// A second factor that Cognito itself asks for. On our wire it has Amplify's name; [`PoolFactor::cognito_name`] returns
/// Cognito's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = Factor))]
#[serde(rename_all = "UPPERCASE")]
pub enum PoolFactor {
    Sms,
    Totp,
    Email,
}

impl PoolFactor {
    pub const ALL: [Self; 3] = [Self::Sms, Self::Totp, Self::Email];

    /// The value in `UserMFASettingList` and `PreferredMfaSetting` (cognito.md §4.6).
    pub fn cognito_name(self) -> &'static str {
        match self {
            Self::Sms => "SMS_MFA",
            Self::Totp => "SOFTWARE_TOKEN_MFA",
            Self::Email => "EMAIL_OTP",
        }
    }

    /// The inverse of [`PoolFactor::cognito_name`]. Returns `None` for a factor that we do not support.
    pub fn from_cognito_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.cognito_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cognito_names_come_back_as_the_same_factor() {
        for factor in PoolFactor::ALL {
            assert_eq!(PoolFactor::from_cognito_name(factor.cognito_name()), Some(factor));
        }
        assert_eq!(PoolFactor::from_cognito_name("WEB_AUTHN"), None);
    }
}
