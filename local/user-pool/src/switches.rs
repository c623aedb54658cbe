//! Where the sources on Cognito contradict each other or a user would rather not wait (cognito.md
//! §11): every such choice, in one place, changeable while the pool runs.

use serde::{Deserialize, Serialize};

use crate::model::risk::RiskLevel;

/// The default is what cognito.md says to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question with two answers")]
pub struct Switches {
    /// `PreAuthentication` runs in `CUSTOM_AUTH` too. The trigger table lists `InitiateAuth` as a whole;
    /// Cognito's support says it doesn't run there.
    pub pre_authentication_in_custom_auth: bool,
    /// After Cognito's own MFA in `CUSTOM_AUTH` with SRP, Define is asked again, as the guide says;
    /// off: tokens come at once, as seen in 2019.
    pub define_after_mfa: bool,
    /// A remembered device replaces e-mail MFA as well as SMS and TOTP.
    pub remembered_device_replaces_email_mfa: bool,
    /// Pool with MFA on, whose only address is the one account recovery uses first, and no TOTP: the
    /// sign-in fails, as the guide's list says; off: `MFA_SETUP` is offered.
    pub recovery_address_only_fails: bool,
    /// Five wrong MFA codes lock like five wrong passwords (guide); off: they never do (observed).
    pub lock_after_wrong_mfa_codes: bool,
    /// Wrong passwords lock with exponential back-off.
    pub lock_after_wrong_passwords: bool,
    /// `LimitExceededException` per user and hour (cognito.md §9.1).
    pub hourly_limits: bool,
    /// As an endpoint that does not know `AdminDeleteSoftwareToken` yet: it is not in every Region
    /// (cognito.md §4.4).
    pub without_delete_software_token: bool,
    /// How often a trigger gets an event that it could have got once.
    pub trigger_delivery: TriggerDelivery,
    /// How risky threat protection finds the sign-ins to come (cognito.md §4.9): there is no engine
    /// here that could judge them.
    pub sign_in_risk: SignInRisk,
}

/// Cognito may run a trigger up to three times for one user action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TriggerDelivery {
    #[default]
    Once,
    /// Again after the first answer; the second answer counts.
    Duplicate,
    /// Again while the first still runs; the second answer counts.
    Overlapping,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignInRisk {
    #[default]
    None,
    Low,
    Medium,
    High,
}

impl SignInRisk {
    pub(crate) fn level(self) -> Option<RiskLevel> {
        match self {
            Self::None => None,
            Self::Low => Some(RiskLevel::Low),
            Self::Medium => Some(RiskLevel::Medium),
            Self::High => Some(RiskLevel::High),
        }
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            pre_authentication_in_custom_auth: false,
            define_after_mfa: true,
            remembered_device_replaces_email_mfa: false,
            recovery_address_only_fails: true,
            lock_after_wrong_mfa_codes: false,
            lock_after_wrong_passwords: true,
            hourly_limits: false,
            without_delete_software_token: false,
            trigger_delivery: TriggerDelivery::Once,
            sign_in_risk: SignInRisk::None,
        }
    }
}
