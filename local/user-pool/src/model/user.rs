//! A user with everything that signs them in. Without `Debug`: addresses are not for logs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::device::Device;
use super::passkey::Passkey;
use super::pool::Pool;
use super::secret::Secret;
use super::wire_time;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) sub: String,
    pub(crate) username: String,
    pub(crate) enabled: bool,
    pub(crate) status: UserStatus,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// Without `sub`.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) password: Option<PasswordVerifier>,
    /// Former passwords, newest first, as far as the pool's history asks.
    #[serde(default)]
    pub(crate) password_history: Vec<PasswordVerifier>,
    #[serde(default)]
    pub(crate) temporary_password_expires: Option<Timestamp>,
    #[serde(default)]
    pub(crate) password_failures: Option<Failures>,
    #[serde(default)]
    pub(crate) mfa_failures: Option<Failures>,
    #[serde(default)]
    pub(crate) software_token: Option<SoftwareToken>,
    #[serde(default)]
    pub(crate) mfa: MfaPreference,
    #[serde(default)]
    pub(crate) codes: BTreeMap<CodePurpose, PendingCode>,
    /// Values that take effect once their code is given (`AttributesRequireVerificationBeforeUpdate`).
    #[serde(default)]
    pub(crate) unverified_updates: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) devices: BTreeMap<String, Device>,
    #[serde(default)]
    pub(crate) groups: BTreeSet<String>,
    /// Oldest first.
    #[serde(default)]
    pub(crate) passkeys: Vec<Passkey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum UserStatus {
    Unconfirmed,
    Confirmed,
    ForceChangePassword,
    ResetRequired,
    ExternalProvider,
}

impl UserStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
            Self::ExternalProvider => "EXTERNAL_PROVIDER",
        }
    }
}

/// What SRP needs of a password; the password itself is nowhere.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PasswordVerifier {
    /// Hex.
    pub(crate) salt: String,
    /// g^x mod N, hex.
    pub(crate) verifier: String,
}

/// Wrong passwords or codes in a row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    pub(crate) last: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SoftwareToken {
    /// Base32.
    pub(crate) secret: Secret,
    pub(crate) verified: bool,
    pub(crate) friendly_name: Option<String>,
    /// Steps whose code was used, as far as they are still in the accepted window.
    pub(crate) used_steps: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Factor {
    #[serde(rename = "SMS_MFA")]
    Sms,
    #[serde(rename = "SOFTWARE_TOKEN_MFA")]
    SoftwareToken,
    #[serde(rename = "EMAIL_OTP")]
    Email,
}

impl Factor {
    /// In the order Cognito lists them.
    pub(crate) const ALL: [Self; 3] = [Self::Sms, Self::SoftwareToken, Self::Email];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "SMS_MFA",
            Self::SoftwareToken => "SOFTWARE_TOKEN_MFA",
            Self::Email => "EMAIL_OTP",
        }
    }

    /// The attribute its codes go to.
    pub(crate) fn attribute(self) -> Option<&'static str> {
        match self {
            Self::Sms => Some("phone_number"),
            Self::Email => Some("email"),
            Self::SoftwareToken => None,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct MfaPreference {
    pub(crate) enabled: BTreeSet<Factor>,
    pub(crate) preferred: Option<Factor>,
    /// `WebAuthnMfaSettings`.
    #[serde(default)]
    pub(crate) passkey: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CodePurpose {
    SignUp,
    ForgotPassword,
    VerifyEmail,
    VerifyPhoneNumber,
}

impl CodePurpose {
    /// Of the code that verifies `email` or `phone_number`.
    pub(crate) fn verify(attribute: &str) -> Self {
        if attribute == "email" { Self::VerifyEmail } else { Self::VerifyPhoneNumber }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingCode {
    pub(crate) code: Secret,
    pub(crate) expires: Timestamp,
    /// `email` or `phone_number`: what a right code verifies.
    pub(crate) attribute: String,
}

impl User {
    /// Creates an enabled user without password, factors, groups and devices.
    pub(crate) fn new(
        sub: String,
        username: String,
        status: UserStatus,
        attributes: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        Self {
            sub,
            username,
            enabled: true,
            status,
            created: now,
            modified: now,
            attributes,
            password: None,
            password_history: Vec::new(),
            temporary_password_expires: None,
            password_failures: None,
            mfa_failures: None,
            software_token: None,
            mfa: MfaPreference::default(),
            codes: BTreeMap::new(),
            unverified_updates: BTreeMap::new(),
            devices: BTreeMap::new(),
            groups: BTreeSet::new(),
            passkeys: Vec::new(),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        if name == "sub" {
            return Some(&self.sub);
        }
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `"True"` counts as well (cognito.md §4.8).
    pub(crate) fn is_verified(&self, attribute: &str) -> bool {
        self.attribute(&format!("{attribute}_verified"))
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn set_verified(&mut self, attribute: &str, verified: bool) {
        self.attributes.insert(format!("{attribute}_verified"), verified.to_string());
    }

    pub(crate) fn has_software_token(&self) -> bool {
        self.software_token.as_ref().is_some_and(|token| token.verified)
    }

    /// Returns the passkeys of the pool's present relying party. Those of an earlier id do not work.
    pub(crate) fn passkeys_of<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Passkey> {
        let relying_party =
            pool.mfa.web_authn.as_ref().and_then(|configuration| configuration.relying_party_id.as_deref());
        self.passkeys.iter().filter(move |passkey| relying_party == Some(passkey.relying_party.as_str()))
    }

    /// Whether this user's passkey sign-in needs user verification and then counts as MFA.
    pub(crate) fn passkey_is_mfa(&self, pool: &Pool) -> bool {
        self.mfa.passkey && pool.counts_passkeys_as_mfa()
    }

    /// `userAttributes` of a trigger event (cognito.md §1.1).
    pub(crate) fn event_attributes(&self, pool: &Pool) -> Value {
        let mut map = serde_json::Map::new();
        map.insert("sub".into(), self.sub.clone().into());
        map.insert("cognito:user_status".into(), self.status.as_str().into());
        for alias in pool.alias_attributes() {
            if let Some(value) = self.attribute(alias).filter(|_| self.is_verified(alias)) {
                map.insert(format!("cognito:{alias}_alias"), value.into());
            }
        }
        map.extend(self.attributes.iter().map(|(name, value)| (name.clone(), value.clone().into())));
        Value::Object(map)
    }

    /// The list `[{Name, Value}]`, `sub` first.
    pub(crate) fn attribute_list(&self) -> Value {
        let sub = json!({"Name": "sub", "Value": self.sub});
        let rest = self.attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value}));
        std::iter::once(sub).chain(rest).collect()
    }

    pub(crate) fn mfa_setting_list(&self) -> Option<Vec<Factor>> {
        (!self.mfa.enabled.is_empty()).then(|| self.mfa.enabled.iter().copied().collect())
    }

    /// The deprecated SMS-only list.
    pub(crate) fn mfa_options(&self) -> Option<Value> {
        self.mfa
            .enabled
            .contains(&Factor::Sms)
            .then(|| json!([{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]))
    }

    /// The shapes `GetUserAuthFactorsResponse` and `AdminGetUserAuthFactorsResponse`. `PASSWORD` and the rest are
    /// what the user has, whether or not a sign-in would offer it now (cognito.md §4.6).
    pub(crate) fn describe_auth_factors(&self, pool: &Pool) -> Value {
        let has = [
            ("PASSWORD", self.password.is_some()),
            ("EMAIL_OTP", self.attribute("email").is_some()),
            ("SMS_OTP", self.attribute("phone_number").is_some()),
            ("WEB_AUTHN", self.passkeys_of(pool).next().is_some()),
        ];
        let allowed = json!(pool.first_factors());
        let allows = |name: &str| allowed.as_array().is_some_and(|names| names.iter().any(|it| it == name));
        let first = has.into_iter().filter(|(name, has)| *has && allows(name)).map(|(name, _)| name);
        let factors: Vec<_> = first.chain(self.has_software_token().then_some("SOFTWARE_TOKEN")).collect();
        json!({
            "Username": self.username,
            "PreferredMfaSetting": self.mfa.preferred,
            "UserMFASettingList": self.mfa_setting_list(),
            "ConfiguredUserAuthFactors": factors,
        })
    }

    /// The shape `UserType`; `AdminGetUser` has the same members but one other name.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "Username": self.username,
            "Attributes": self.attribute_list(),
            "UserCreateDate": wire_time(self.created),
            "UserLastModifiedDate": wire_time(self.modified),
            "Enabled": self.enabled,
            "UserStatus": self.status,
            "MFAOptions": self.mfa_options(),
        })
    }
}
