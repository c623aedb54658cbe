//! A user pool and its settings, in the members' own names on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attributes::SchemaAttribute;
use super::policies::{AuthFactor, Policies};
use super::risk::{RiskConfiguration, UserPoolAddOns};
use super::session::SessionConfiguration;
use super::user::Factor;
use super::wire_time;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    /// `<region>_<alphanumerics>`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// Fixed at creation; custom attributes can only be added.
    pub(crate) schema: Vec<SchemaAttribute>,
    pub(crate) fixed: FixedSettings,
    pub(crate) settings: PoolSettings,
    pub(crate) mfa: MfaSettings,
    /// Of the clients that have none of their own.
    #[serde(default)]
    pub(crate) risk: Option<RiskConfiguration>,
    #[serde(default)]
    pub(crate) sessions: SessionConfiguration,
}

/// What `CreateUserPool` sets once and for all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FixedSettings {
    pub(crate) alias_attributes: Option<Vec<String>>,
    pub(crate) username_attributes: Option<Vec<String>>,
    pub(crate) username_configuration: Option<UsernameConfiguration>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UsernameConfiguration {
    pub(crate) case_sensitive: bool,
}

/// What `UpdateUserPool` replaces as a whole: a member that isn't sent goes back to its default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PoolSettings {
    pub(crate) policies: Policies,
    pub(crate) lambda_config: LambdaConfig,
    pub(crate) auto_verified_attributes: Vec<String>,
    pub(crate) sms_verification_message: Option<String>,
    pub(crate) email_verification_message: Option<String>,
    pub(crate) email_verification_subject: Option<String>,
    pub(crate) verification_message_template: VerificationMessageTemplate,
    pub(crate) sms_authentication_message: Option<String>,
    pub(crate) user_attribute_update_settings: UserAttributeUpdateSettings,
    pub(crate) device_configuration: Option<DeviceConfiguration>,
    pub(crate) email_configuration: EmailConfiguration,
    pub(crate) sms_configuration: Option<Value>,
    pub(crate) admin_create_user_config: AdminCreateUserConfig,
    pub(crate) account_recovery_setting: Option<AccountRecoverySetting>,
    #[serde(default = "essentials")]
    pub(crate) user_pool_tier: String,
    pub(crate) user_pool_add_ons: Option<UserPoolAddOns>,
    /// Members that change nothing here; `DescribeUserPool` gives them back.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

impl PoolSettings {
    pub(crate) fn first_factors(&self) -> Vec<AuthFactor> {
        let policy = self.policies.sign_in_policy.as_ref();
        let allowed = policy.and_then(|policy| policy.allowed_first_auth_factors.clone());
        allowed.unwrap_or_else(|| vec![AuthFactor::Password])
    }
}

fn essentials() -> String {
    "ESSENTIALS".to_owned()
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct LambdaConfig {
    pub(crate) pre_sign_up: Option<String>,
    pub(crate) custom_message: Option<String>,
    pub(crate) post_confirmation: Option<String>,
    pub(crate) pre_authentication: Option<String>,
    pub(crate) post_authentication: Option<String>,
    pub(crate) define_auth_challenge: Option<String>,
    pub(crate) create_auth_challenge: Option<String>,
    pub(crate) verify_auth_challenge_response: Option<String>,
    pub(crate) user_migration: Option<String>,
    pub(crate) pre_token_generation: Option<String>,
    pub(crate) pre_token_generation_config: Option<VersionedLambda>,
    #[serde(rename = "CustomSMSSender")]
    pub(crate) custom_sms_sender: Option<VersionedLambda>,
    pub(crate) custom_email_sender: Option<VersionedLambda>,
    #[serde(rename = "KMSKeyID")]
    pub(crate) kms_key_id: Option<String>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionedLambda {
    pub(crate) lambda_version: String,
    pub(crate) lambda_arn: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct VerificationMessageTemplate {
    pub(crate) sms_message: Option<String>,
    pub(crate) email_message: Option<String>,
    pub(crate) email_subject: Option<String>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UserAttributeUpdateSettings {
    pub(crate) attributes_require_verification_before_update: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeviceConfiguration {
    pub(crate) challenge_required_on_new_device: bool,
    pub(crate) device_only_remembered_on_user_prompt: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EmailConfiguration {
    pub(crate) email_sending_account: Option<String>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

impl EmailConfiguration {
    /// Own sender at SES; without it Cognito's default sender limits what is allowed.
    pub(crate) fn is_developer(&self) -> bool {
        self.email_sending_account.as_deref() == Some("DEVELOPER")
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AdminCreateUserConfig {
    pub(crate) allow_admin_create_user_only: bool,
    pub(crate) unused_account_validity_days: Option<i64>,
    pub(crate) invite_message_template: InviteMessageTemplate,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct InviteMessageTemplate {
    #[serde(rename = "SMSMessage")]
    pub(crate) sms_message: Option<String>,
    pub(crate) email_message: Option<String>,
    pub(crate) email_subject: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AccountRecoverySetting {
    pub(crate) recovery_mechanisms: Vec<RecoveryMechanism>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecoveryMechanism {
    pub(crate) priority: u8,
    /// `verified_email`, `verified_phone_number` or `admin_only`.
    pub(crate) name: String,
}

/// `SetUserPoolMfaConfig`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MfaSettings {
    #[serde(rename = "MfaConfiguration")]
    pub(crate) state: MfaState,
    #[serde(rename = "SmsMfaConfiguration")]
    pub(crate) sms: Option<Value>,
    #[serde(rename = "SoftwareTokenMfaConfiguration")]
    pub(crate) software_token: SoftwareTokenMfa,
    #[serde(rename = "EmailMfaConfiguration")]
    pub(crate) email: Option<EmailMfa>,
    #[serde(rename = "WebAuthnConfiguration")]
    pub(crate) web_authn: Option<WebAuthnConfiguration>,
}

impl MfaSettings {
    /// `FactorConfiguration` is `MULTI_FACTOR_WITH_USER_VERIFICATION`.
    pub(crate) fn counts_passkeys_as_mfa(&self) -> bool {
        let factor = self.web_authn.as_ref().and_then(|configuration| configuration.factor_configuration);
        factor == Some(FactorConfiguration::MultiFactorWithUserVerification)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum MfaState {
    #[default]
    Off,
    Optional,
    On,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SoftwareTokenMfa {
    pub(crate) enabled: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct WebAuthnConfiguration {
    pub(crate) relying_party_id: Option<String>,
    pub(crate) user_verification: UserVerification,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor_configuration: Option<FactorConfiguration>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserVerification {
    #[default]
    Preferred,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FactorConfiguration {
    SingleFactor,
    MultiFactorWithUserVerification,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EmailMfa {
    pub(crate) message: Option<String>,
    pub(crate) subject: Option<String>,
}

impl Pool {
    /// The part of the id that SRP hashes.
    pub(crate) fn short_name(&self) -> &str {
        self.id.split_once('_').map_or(self.id.as_str(), |(_, name)| name)
    }

    pub(crate) fn region(&self) -> &str {
        self.id.split_once('_').map_or("", |(region, _)| region)
    }

    pub(crate) fn issuer(&self) -> String {
        format!("https://cognito-idp.{}.amazonaws.com/{}", self.region(), self.id)
    }

    /// Unset means case-sensitive, as for a pool made through the API.
    pub(crate) fn normalize(&self, name: &str) -> String {
        match &self.fixed.username_configuration {
            Some(UsernameConfiguration { case_sensitive: false }) => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }

    /// `email` and `phone_number` as far as they are the sign-in name itself.
    pub(crate) fn username_attributes(&self) -> &[String] {
        self.fixed.username_attributes.as_deref().unwrap_or_default()
    }

    pub(crate) fn alias_attributes(&self) -> &[String] {
        self.fixed.alias_attributes.as_deref().unwrap_or_default()
    }

    pub(crate) fn offers(&self, factor: Factor) -> bool {
        match factor {
            Factor::Sms => self.mfa.sms.is_some(),
            Factor::SoftwareToken => self.mfa.software_token.enabled,
            Factor::Email => self.mfa.email.is_some(),
        }
    }

    /// `AllowedFirstAuthFactors`. Unset, only the password.
    pub(crate) fn first_factors(&self) -> Vec<AuthFactor> {
        self.settings.first_factors()
    }

    /// A one-time password can be the first factor: users need no password of their own.
    pub(crate) fn lets_users_have_no_password(&self) -> bool {
        let allowed = self.first_factors();
        allowed.contains(&AuthFactor::EmailOtp) || allowed.contains(&AuthFactor::SmsOtp)
    }

    /// Whether a passkey with user verification can count as MFA here.
    pub(crate) fn counts_passkeys_as_mfa(&self) -> bool {
        self.mfa.counts_passkeys_as_mfa()
    }

    /// The attribute account recovery asks first; no MFA goes there (cognito.md §3.6).
    pub(crate) fn primary_recovery_attribute(&self) -> Option<&'static str> {
        let mechanisms = &self.settings.account_recovery_setting.as_ref()?.recovery_mechanisms;
        match mechanisms.iter().min_by_key(|mechanism| mechanism.priority)?.name.as_str() {
            "verified_email" => Some("email"),
            "verified_phone_number" => Some("phone_number"),
            _ => None,
        }
    }

    pub(crate) fn auto_verifies(&self, attribute: &str) -> bool {
        self.settings.auto_verified_attributes.iter().any(|name| name == attribute)
    }

    pub(crate) fn needs_verification_before_update(&self, attribute: &str) -> bool {
        self.settings
            .user_attribute_update_settings
            .attributes_require_verification_before_update
            .iter()
            .any(|name| name == attribute)
    }

    /// The shape `UserPoolType`. Absent members are null here and dropped by the protocol.
    pub(crate) fn describe(&self, users: usize) -> Value {
        let mut body = json!({
            "Id": self.id,
            "Name": self.name,
            "Arn": self.arn,
            "Status": "Enabled",
            "CreationDate": wire_time(self.created),
            "LastModifiedDate": wire_time(self.modified),
            "SchemaAttributes": self.schema,
            "MfaConfiguration": self.mfa.state,
            "EstimatedNumberOfUsers": users,
        });
        if let Value::Object(members) = &mut body {
            for part in [json!(self.fixed), json!(self.settings)] {
                if let Value::Object(part) = part {
                    members.extend(part);
                }
            }
        }
        body
    }
}
