use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::aws::{Aws, Service};
use crate::progress::Progress;

/// Everything that can be set at a pool and its app clients, as Cognito describes it. Dates, numbers
/// of users and secrets are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolState {
    pub(crate) pool: Map<String, Value>,
    pub(crate) mfa: Map<String, Value>,
    /// By id.
    pub(crate) clients: BTreeMap<String, Map<String, Value>>,
}

/// Told by `DescribeUserPool`, no settings.
const POOL_NEWS: [&str; 5] = [
    "CreationDate",
    "LastModifiedDate",
    "EstimatedNumberOfUsers",
    "SmsConfigurationFailure",
    "EmailConfigurationFailure",
];

/// Fixed at creation, or set by other operations: `UpdateUserPool` neither takes nor resets them.
const POOL_FIXED: [&str; 9] = [
    "AliasAttributes",
    "Arn",
    "CustomDomain",
    "Domain",
    "Id",
    "SchemaAttributes",
    "Status",
    "UsernameAttributes",
    "UsernameConfiguration",
];

/// What `UpdateUserPool` takes, and resets where it is missing. `Name` goes in as `PoolName`.
const POOL_SETTINGS: [&str; 24] = [
    "AccountRecoverySetting",
    "AcrConfiguration",
    "AdminCreateUserConfig",
    "AutoVerifiedAttributes",
    "DcrConfiguration",
    "DeletionProtection",
    "DeviceConfiguration",
    "EmailConfiguration",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "IssuerConfiguration",
    "KeyConfiguration",
    "LambdaConfig",
    "MfaConfiguration",
    "Name",
    "Policies",
    "SmsAuthenticationMessage",
    "SmsConfiguration",
    "SmsVerificationMessage",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "VerificationMessageTemplate",
];

/// What `SetUserPoolMfaConfig` takes and resets.
const MFA_SETTINGS: [&str; 5] = [
    "EmailMfaConfiguration",
    "MfaConfiguration",
    "SmsMfaConfiguration",
    "SoftwareTokenMfaConfiguration",
    "WebAuthnConfiguration",
];

const CLIENT_NEWS: [&str; 3] = ["ClientSecret", "CreationDate", "LastModifiedDate"];

const CLIENT_FIXED: [&str; 2] = ["ClientType", "UserPoolId"];

/// What `UpdateUserPoolClient` takes and resets.
const CLIENT_SETTINGS: [&str; 22] = [
    "AccessTokenValidity",
    "AllowedOAuthFlows",
    "AllowedOAuthFlowsUserPoolClient",
    "AllowedOAuthScopes",
    "AnalyticsConfiguration",
    "AuthSessionValidity",
    "CallbackURLs",
    "ClientId",
    "ClientName",
    "DefaultRedirectURI",
    "EnablePropagateAdditionalUserContextData",
    "EnableTokenRevocation",
    "ExplicitAuthFlows",
    "IdTokenValidity",
    "LogoutURLs",
    "PreventUserExistenceErrors",
    "ReadAttributes",
    "RefreshTokenRotation",
    "RefreshTokenValidity",
    "SupportedIdentityProviders",
    "TokenValidityUnits",
    "WriteAttributes",
];

impl PoolState {
    /// Asks for the pool, its MFA configuration and each of its clients.
    pub(crate) async fn read(aws: &Aws, user_pool_id: &str, progress: &Progress) -> Result<Self> {
        let id = json!({ "UserPoolId": user_pool_id });
        let cognito = async |operation: &str, input: &Value| {
            progress.say(operation);
            aws.call(Service::Cognito, operation, input).await
        };
        let described = cognito("DescribeUserPool", &id).await?;
        let pool = object(described.get("UserPool"), &POOL_NEWS)?;
        let mfa = object(Some(&cognito("GetUserPoolMfaConfig", &id).await?), &[])?;
        let mut clients = BTreeMap::new();
        let mut list = json!({ "UserPoolId": user_pool_id, "MaxResults": 60 });
        loop {
            let page = cognito("ListUserPoolClients", &list).await?;
            for client in page.get("UserPoolClients").and_then(Value::as_array).into_iter().flatten() {
                let client_id =
                    client.get("ClientId").and_then(Value::as_str).context("a client without id")?;
                let asked = json!({ "UserPoolId": user_pool_id, "ClientId": client_id });
                let described = cognito("DescribeUserPoolClient", &asked).await?;
                clients.insert(client_id.to_owned(), object(described.get("UserPoolClient"), &CLIENT_NEWS)?);
            }
            match (page.get("NextToken"), &mut list) {
                (Some(token @ Value::String(_)), Value::Object(list)) => {
                    list.insert("NextToken".to_owned(), token.clone());
                }
                _ => break,
            }
        }
        Ok(Self { pool, mfa, clients })
    }

    /// Members that this version can't write back: Cognito would reset them.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let unknown = |place: &str, members: &Map<String, Value>, known: &[&[&str]]| {
            let is_known = |name: &str| known.iter().any(|known| known.contains(&name));
            let found = members.keys().filter(|name| !is_known(name));
            found.map(|name| format!("{place}.{name}")).collect::<Vec<_>>()
        };
        let mut found = unknown("pool", &self.pool, &[&POOL_SETTINGS, &POOL_FIXED]);
        found.extend(unknown("mfa", &self.mfa, &[&MFA_SETTINGS]));
        for (id, client) in &self.clients {
            found.extend(unknown(&format!("client {id}"), client, &[&CLIENT_SETTINGS, &CLIENT_FIXED]));
        }
        found
    }

    /// As Cognito keeps it: "can't turn off MFA and configure an MFA together" (cognito.md §4.2).
    pub(crate) fn settle(&mut self) {
        if self.mfa.get("MfaConfiguration").and_then(Value::as_str) == Some("OFF") {
            self.mfa.retain(|name, _| name == "MfaConfiguration");
            self.mfa.insert("SoftwareTokenMfaConfiguration".to_owned(), json!({ "Enabled": false }));
        }
    }

    /// Whether writing the pool makes Cognito send a text message to test the configuration.
    pub(crate) fn sends_text_messages(&self) -> bool {
        self.pool.contains_key("SmsConfiguration") || self.mfa.contains_key("SmsMfaConfiguration")
    }

    /// Makes Cognito's state this one, as far as `now` is different: the pool first, then its MFA
    /// configuration, then the clients.
    ///
    /// The MFA configuration is read again in between, because `UpdateUserPool` has its own idea of it.
    pub(crate) async fn write(&self, aws: &Aws, id: &str, now: &Self, progress: &Progress) -> Result<()> {
        if self.pool != now.pool {
            progress.say("UpdateUserPool");
            // The MFA state as it is: only SetUserPoolMfaConfig knows all factors and may change it.
            let mut pool = self.pool.clone();
            if let Some(state) = now.pool.get("MfaConfiguration") {
                pool.insert("MfaConfiguration".to_owned(), state.clone());
            }
            aws.call(Service::Cognito, "UpdateUserPool", &update_user_pool(id, &pool)).await?;
        }
        let asked = json!({ "UserPoolId": id });
        let mfa = object(Some(&aws.call(Service::Cognito, "GetUserPoolMfaConfig", &asked).await?), &[])?;
        if self.mfa != mfa {
            progress.say("SetUserPoolMfaConfig");
            let mut input = self.mfa.clone();
            input.insert("UserPoolId".to_owned(), id.into());
            let off = self.mfa.get("MfaConfiguration").and_then(Value::as_str) == Some("OFF");
            if off {
                // Said or unsaid, the factors are off (see `settle`).
                input.retain(|name, _| ["UserPoolId", "MfaConfiguration"].contains(&name.as_str()));
            }
            aws.call(Service::Cognito, "SetUserPoolMfaConfig", &Value::Object(input)).await?;
        }
        for (client_id, client) in &self.clients {
            if now.clients.get(client_id) != Some(client) {
                progress.say("UpdateUserPoolClient");
                let mut input = kept(client, &CLIENT_SETTINGS);
                input.insert("UserPoolId".to_owned(), id.into());
                aws.call(Service::Cognito, "UpdateUserPoolClient", &Value::Object(input)).await?;
            }
        }
        Ok(())
    }
}

/// The input of `UpdateUserPool` that keeps every setting.
fn update_user_pool(id: &str, pool: &Map<String, Value>) -> Value {
    let mut input = kept(pool, &POOL_SETTINGS);
    if let Some(name) = input.remove("Name") {
        input.insert("PoolName".to_owned(), name);
    }
    input.insert("UserPoolId".to_owned(), id.into());
    // Described beside its successor, refused beside it: "Please use TemporaryPasswordValidityDays in
    // PasswordPolicy instead of UnusedAccountValidityDays".
    let has_successor = pool
        .get("Policies")
        .and_then(|policies| policies.pointer("/PasswordPolicy/TemporaryPasswordValidityDays"));
    if let (Some(_), Some(Value::Object(config))) = (has_successor, input.get_mut("AdminCreateUserConfig")) {
        config.remove("UnusedAccountValidityDays");
    }
    // AWS's own tags can't be written, and stay.
    if let Some(Value::Object(tags)) = input.get_mut("UserPoolTags") {
        tags.retain(|name, _| !name.starts_with("aws:"));
    }
    Value::Object(input)
}

fn kept(members: &Map<String, Value>, settings: &[&str]) -> Map<String, Value> {
    members
        .iter()
        .filter(|(name, _)| settings.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn object(value: Option<&Value>, without: &[&str]) -> Result<Map<String, Value>> {
    let Some(Value::Object(members)) = value else {
        bail!("Cognito's answer holds no description");
    };
    let mut members = members.clone();
    members.retain(|name, value| !without.contains(&name.as_str()) && !value.is_null());
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_written_is_sent_and_nothing_else() {
        let pool = json!({
            "Id": "p", "Name": "shop", "Arn": "arn", "SchemaAttributes": [], "Status": "Enabled",
            "Policies": { "PasswordPolicy": { "MinimumLength": 12, "TemporaryPasswordValidityDays": 3 } },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 3 },
            "UserPoolTags": { "team": "a", "aws:servicecatalog:x": "y" },
            "UserPoolTier": "PLUS",
        });
        let Value::Object(pool) = pool else { unreachable!() };
        let input = update_user_pool("p", &pool);
        assert_eq!(
            input,
            json!({
                "UserPoolId": "p", "PoolName": "shop",
                "Policies": { "PasswordPolicy": { "MinimumLength": 12, "TemporaryPasswordValidityDays": 3 } },
                "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true },
                "UserPoolTags": { "team": "a" },
                "UserPoolTier": "PLUS",
            })
        );
    }

    #[test]
    fn a_setting_of_a_later_cognito_is_told() {
        let state = PoolState {
            pool: [("Name".to_owned(), json!("a")), ("NewThing".to_owned(), json!(1))].into_iter().collect(),
            mfa: [("MfaConfiguration".to_owned(), json!("OFF"))].into_iter().collect(),
            clients: [("c".to_owned(), [("NewFlow".to_owned(), json!(1))].into_iter().collect())].into(),
        };
        assert_eq!(state.unknown(), ["pool.NewThing", "client c.NewFlow"]);
    }
}
