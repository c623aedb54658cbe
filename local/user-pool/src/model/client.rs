//! An app client: which flows it may use, how long its tokens live.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attributes::Attribute;
use super::risk::RiskConfiguration;
use super::secret::Secret;
use super::session::SsoSession;
use super::wire_time;
use crate::protocol::error::ApiError;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) pool_id: String,
    pub(crate) secret: Option<Secret>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) settings: ClientSettings,
    /// In place of the pool's.
    #[serde(default)]
    pub(crate) risk: Option<RiskConfiguration>,
    #[serde(default)]
    pub(crate) sso_session: SsoSession,
}

/// What `UpdateUserPoolClient` replaces as a whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ClientSettings {
    pub(crate) client_name: String,
    pub(crate) refresh_token_validity: Option<i64>,
    pub(crate) access_token_validity: Option<i64>,
    pub(crate) id_token_validity: Option<i64>,
    pub(crate) token_validity_units: Option<TokenValidityUnits>,
    pub(crate) read_attributes: Option<Vec<String>>,
    pub(crate) write_attributes: Option<Vec<String>>,
    pub(crate) explicit_auth_flows: Option<Vec<String>>,
    pub(crate) prevent_user_existence_errors: Option<String>,
    pub(crate) enable_token_revocation: Option<bool>,
    pub(crate) enable_propagate_additional_user_context_data: Option<bool>,
    /// Minutes, 3 to 15.
    pub(crate) auth_session_validity: Option<i64>,
    pub(crate) refresh_token_rotation: Option<RefreshTokenRotation>,
    /// Members that change nothing here; `DescribeUserPoolClient` gives them back.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TokenValidityUnits {
    #[serde(rename = "AccessToken")]
    pub(crate) access: Option<String>,
    #[serde(rename = "IdToken")]
    pub(crate) id: Option<String>,
    #[serde(rename = "RefreshToken")]
    pub(crate) refresh: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RefreshTokenRotation {
    pub(crate) feature: Option<String>,
    pub(crate) retry_grace_period_seconds: Option<i64>,
}

/// A way to begin a sign-in, by its name in `ExplicitAuthFlows` without `ALLOW_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    UserSrp,
    UserPassword,
    AdminPassword,
    Custom,
    /// Choice-based.
    UserAuth,
    Refresh,
}

impl Client {
    /// Whether the flow is switched on. Unset means refresh, SRP and custom; of the names without
    /// `ALLOW_`, SRP and refresh are always on, except beside `CUSTOM_AUTH_FLOW_ONLY`.
    pub(crate) fn permits(&self, permission: Permission) -> bool {
        let flows = self.settings.explicit_auth_flows.as_deref().unwrap_or_default();
        let has = |name: &str| flows.iter().any(|flow| flow == name);
        if flows.is_empty() {
            return matches!(permission, Permission::UserSrp | Permission::Custom | Permission::Refresh);
        }
        let legacy = !flows.iter().any(|flow| flow.starts_with("ALLOW_"));
        match permission {
            Permission::UserSrp => has("ALLOW_USER_SRP_AUTH") || legacy && !self.is_custom_only(),
            Permission::UserPassword => has("ALLOW_USER_PASSWORD_AUTH") || has("USER_PASSWORD_AUTH"),
            Permission::AdminPassword => has("ALLOW_ADMIN_USER_PASSWORD_AUTH") || has("ADMIN_NO_SRP_AUTH"),
            Permission::UserAuth => has("ALLOW_USER_AUTH"),
            Permission::Custom => has("ALLOW_CUSTOM_AUTH") || has("CUSTOM_AUTH_FLOW_ONLY"),
            Permission::Refresh => has("ALLOW_REFRESH_TOKEN_AUTH") || legacy,
        }
    }

    pub(crate) fn is_custom_only(&self) -> bool {
        self.settings
            .explicit_auth_flows
            .as_deref()
            .unwrap_or_default()
            .iter()
            .any(|flow| flow == "CUSTOM_AUTH_FLOW_ONLY")
    }

    /// `PreventUserExistenceErrors=ENABLED`. Unset is `LEGACY`.
    pub(crate) fn hides_user_existence(&self) -> bool {
        self.settings.prevent_user_existence_errors.as_deref() == Some("ENABLED")
    }

    /// Whether `UserContextData.IpAddress` is believed (cognito.md §4.9).
    pub(crate) fn may_tell_addresses(&self) -> bool {
        self.secret.is_some() && self.settings.enable_propagate_additional_user_context_data == Some(true)
    }

    /// The life of a challenge session and of the codes sent in it; 3 minutes by default.
    pub(crate) fn session_validity(&self) -> SignedDuration {
        SignedDuration::from_mins(self.settings.auth_session_validity.unwrap_or(3))
    }

    pub(crate) fn access_token_validity(&self) -> SignedDuration {
        let unit = self.unit(|units| units.access.as_deref(), "hours");
        duration(self.settings.access_token_validity.filter(|n| *n > 0).unwrap_or(1), unit)
    }

    pub(crate) fn id_token_validity(&self) -> SignedDuration {
        let unit = self.unit(|units| units.id.as_deref(), "hours");
        duration(self.settings.id_token_validity.filter(|n| *n > 0).unwrap_or(1), unit)
    }

    /// 30 days by default, also when 0 is given.
    pub(crate) fn refresh_token_validity(&self) -> SignedDuration {
        let unit = self.unit(|units| units.refresh.as_deref(), "days");
        match self.settings.refresh_token_validity.filter(|n| *n > 0) {
            Some(amount) => duration(amount, unit),
            None => duration(30, "days"),
        }
    }

    pub(crate) fn rotates_refresh_tokens(&self) -> bool {
        let rotation = self.settings.refresh_token_rotation.as_ref();
        rotation.and_then(|rotation| rotation.feature.as_deref()) == Some("ENABLED")
    }

    /// How long a refresh token can be retried after its rotation.
    pub(crate) fn refresh_token_grace(&self) -> SignedDuration {
        let rotation = self.settings.refresh_token_rotation.as_ref();
        SignedDuration::from_secs(rotation.and_then(|it| it.retry_grace_period_seconds).unwrap_or(0))
    }

    /// `WriteAttributes`; unset lets all pass.
    pub(crate) fn check_may_write(&self, attributes: &[Attribute]) -> Result<(), ApiError> {
        let Some(writable) = &self.settings.write_attributes else { return Ok(()) };
        if attributes.iter().all(|attribute| writable.contains(&attribute.name)) {
            return Ok(());
        }
        Err(ApiError::not_authorized("A client attempted to write unauthorized attribute"))
    }

    fn unit<'a>(
        &'a self,
        pick: impl Fn(&'a TokenValidityUnits) -> Option<&'a str>,
        default: &'a str,
    ) -> &'a str {
        self.settings.token_validity_units.as_ref().and_then(pick).unwrap_or(default)
    }

    /// The shape `UserPoolClientType`.
    pub(crate) fn describe(&self) -> Value {
        let mut body = json!({
            "UserPoolId": self.pool_id,
            "ClientId": self.id,
            "ClientSecret": self.secret,
            "CreationDate": wire_time(self.created),
            "LastModifiedDate": wire_time(self.modified),
        });
        if let (Value::Object(members), Value::Object(settings)) = (&mut body, json!(self.settings)) {
            members.extend(settings);
            members.entry("RefreshTokenValidity").and_modify(|v| {
                if v.is_null() {
                    *v = 30.into();
                }
            });
            members.entry("AuthSessionValidity").and_modify(|v| {
                if v.is_null() {
                    *v = 3.into();
                }
            });
            members.entry("EnableTokenRevocation").and_modify(|v| {
                if v.is_null() {
                    *v = true.into();
                }
            });
        }
        body
    }
}

fn duration(amount: i64, unit: &str) -> SignedDuration {
    let seconds = match unit {
        "seconds" => 1,
        "minutes" => 60,
        "hours" => 3600,
        _ => 86_400,
    };
    SignedDuration::from_secs(amount.saturating_mul(seconds))
}
