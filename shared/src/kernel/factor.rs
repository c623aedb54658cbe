use serde::{Deserialize, Serialize};

/// A second factor of Cognito's own. Amplify's words on our wire, Cognito's by [`Factor::cognito_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Factor {
    Sms,
    Totp,
    Email,
}

impl Factor {
    pub const ALL: [Self; 3] = [Self::Sms, Self::Totp, Self::Email];

    /// The value in `UserMFASettingList` and `PreferredMfaSetting` (cognito.md §4.6).
    pub fn cognito_name(self) -> &'static str {
        match self {
            Self::Sms => "SMS_MFA",
            Self::Totp => "SOFTWARE_TOKEN_MFA",
            Self::Email => "EMAIL_OTP",
        }
    }

    /// The inverse of [`Factor::cognito_name`]; unknown names are of no interest to us.
    pub fn from_cognito_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.cognito_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cognito_names_come_back_as_the_same_factor() {
        for factor in Factor::ALL {
            assert_eq!(Factor::from_cognito_name(factor.cognito_name()), Some(factor));
        }
        assert_eq!(Factor::from_cognito_name("WEB_AUTHN"), None);
    }
}
