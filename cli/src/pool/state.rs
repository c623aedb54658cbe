use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::aws::{Aws, Service};
use crate::pool::{Client, at};
use crate::progress::Progress;

/// All settings of a pool and its app clients, as Cognito describes them, without dates, numbers of users and
/// secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolState {
    pub(crate) pool: Map<String, Value>,
    pub(crate) mfa: Map<String, Value>,
    /// The app clients by id.
    pub(crate) clients: BTreeMap<String, Map<String, Value>>,
}

impl PoolState {
    /// Returns the reasons why Cognito would refuse to require MFA beside the first factors of the pool. Cognito
    /// takes `UpdateUserPool` first, so it would leave such a pool half changed (cognito.md §4.10).
    pub(crate) fn first_factor_conflicts(&self) -> Vec<String> {
        if self.mfa.get("MfaConfiguration").and_then(Value::as_str) != Some("ON") {
            return Vec::new();
        }
        let first =
            at(&self.pool, "/Policies/SignInPolicy/AllowedFirstAuthFactors").and_then(Value::as_array);
        let counts = at(&self.mfa, "/WebAuthnConfiguration/FactorConfiguration").and_then(Value::as_str)
            == Some("MULTI_FACTOR_WITH_USER_VERIFICATION");
        let conflicts =
            first.into_iter().flatten().filter_map(Value::as_str).filter(|factor| match *factor {
                "EMAIL_OTP" | "SMS_OTP" => true,
                "WEB_AUTHN" => !counts,
                _ => false,
            });
        conflicts
            .map(|factor| {
                format!(
                    "Cognito does not accept {factor} as a first factor where MFA is required. Remove it from \
                     Policies.SignInPolicy.AllowedFirstAuthFactors, or pass --mfa optional"
                )
            })
            .collect()
    }
}

/// Returns the reason for refusing an update that would reset a setting.
pub(crate) fn unknown_setting(setting: &str) -> String {
    format!("this version does not know the setting {setting}, and an update would reset it")
}

/// Members of `DescribeUserPool` that are no settings.
const POOL_NEWS: [&str; 5] = [
    "CreationDate",
    "LastModifiedDate",
    "EstimatedNumberOfUsers",
    "SmsConfigurationFailure",
    "EmailConfigurationFailure",
];

/// Settings fixed at creation, or set by other operations: `UpdateUserPool` neither takes nor resets them.
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

/// Settings that `UpdateUserPool` takes, and resets where they are missing. It takes `Name` as `PoolName`.
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

const SOFTWARE_TOKEN: &str = "SoftwareTokenMfaConfiguration";
const WEB_AUTHN: &str = "WebAuthnConfiguration";

/// Settings that `SetUserPoolMfaConfig` takes and resets.
const MFA_SETTINGS: [&str; 5] =
    ["EmailMfaConfiguration", "MfaConfiguration", "SmsMfaConfiguration", SOFTWARE_TOKEN, WEB_AUTHN];

/// `ClientSecretArn`: without `PublishSecretsInAWSSecretsManager`, an update does not change where the secret is kept.
const CLIENT_NEWS: [&str; 4] = ["ClientSecret", "ClientSecretArn", "CreationDate", "LastModifiedDate"];

const CLIENT_FIXED: [&str; 2] = ["ClientType", "UserPoolId"];

/// Settings that `UpdateUserPoolClient` takes and resets.
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
    /// Reads the pool, its MFA configuration and each of its clients.
    pub(crate) async fn read(aws: &Aws, user_pool_id: &str, progress: &Progress) -> Result<Self> {
        let id = json!({ "UserPoolId": user_pool_id });
        let cognito = async |operation: &str, input: &Value| {
            progress.show(operation);
            aws.call(Service::Cognito, operation, input).await
        };
        let described = cognito("DescribeUserPool", &id).await?;
        let pool = object(described.get("UserPool"), &POOL_NEWS)?;
        let mfa = mfa(&cognito("GetUserPoolMfaConfig", &id).await?)?;
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

    /// Returns members of the changed objects that this version can't write back. Cognito would reset them.
    pub(crate) fn unknown(&self, wanted: &Self) -> Vec<String> {
        let unknown = |place: &str, members: &Map<String, Value>, known: &[&[&str]]| {
            let is_known = |name: &str| known.iter().any(|known| known.contains(&name));
            let found = members.keys().filter(|name| !is_known(name));
            found.map(|name| format!("{place}.{name}")).collect::<Vec<_>>()
        };
        let mut found = Vec::new();
        if self.pool != wanted.pool {
            found.extend(unknown("pool", &self.pool, &[&POOL_SETTINGS, &POOL_FIXED]));
        }
        // An update of the pool can change the MFA configuration, which then has to be written back.
        if self.pool != wanted.pool || self.mfa != wanted.mfa {
            found.extend(unknown("mfa", &self.mfa, &[&MFA_SETTINGS]));
        }
        for (id, client) in self.clients.iter().filter(|(id, client)| wanted.clients.get(*id) != Some(client))
        {
            found.extend(unknown(&format!("client {id}"), client, &[&CLIENT_SETTINGS, &CLIENT_FIXED]));
        }
        found
    }

    /// Removes the factors if this state turns off MFA that is on in `now`: "can't turn off MFA and configure
    /// an MFA together" (cognito.md §4.2). Passkeys are no such factor, and stay.
    pub(crate) fn turn_off(&mut self, now: &Self) {
        let is_off = |state: &Self| state.mfa.get("MfaConfiguration").and_then(Value::as_str) == Some("OFF");
        if is_off(self) && !is_off(now) {
            self.mfa.retain(|name, _| ["MfaConfiguration", WEB_AUTHN].contains(&name.as_str()));
        }
        authenticators_said(&mut self.mfa);
    }

    pub(crate) fn app_clients(&self) -> impl Iterator<Item = Client<'_>> {
        self.clients.iter().map(|(id, settings)| Client { id, settings })
    }

    /// Returns whether writing the pool makes Cognito send a text message to test the configuration.
    pub(crate) fn sends_text_messages(&self) -> bool {
        self.pool.contains_key("SmsConfiguration") || self.mfa.contains_key("SmsMfaConfiguration")
    }

    /// Writes this state to Cognito where it differs from `now`: the pool first, then its MFA configuration,
    /// then the clients.
    ///
    /// The MFA configuration is read again in between, because `UpdateUserPool` changes it.
    pub(crate) async fn write(&self, aws: &Aws, id: &str, now: &Self, progress: &Progress) -> Result<()> {
        if self.pool != now.pool {
            progress.show("UpdateUserPool");
            // The MFA state stays as it is: only `SetUserPoolMfaConfig` knows all factors and may change it.
            let mut pool = self.pool.clone();
            if let Some(state) = now.pool.get("MfaConfiguration") {
                pool.insert("MfaConfiguration".to_owned(), state.clone());
            }
            aws.call(Service::Cognito, "UpdateUserPool", &update_user_pool(id, &pool)).await?;
        }
        let asked = json!({ "UserPoolId": id });
        if self.mfa != mfa(&aws.call(Service::Cognito, "GetUserPoolMfaConfig", &asked).await?)? {
            progress.show("SetUserPoolMfaConfig");
            let mut input = self.mfa.clone();
            input.insert("UserPoolId".to_owned(), id.into());
            let off = self.mfa.get("MfaConfiguration").and_then(Value::as_str) == Some("OFF");
            if off {
                // The factors are off in any case (see `turn_off`).
                let kept = ["UserPoolId", "MfaConfiguration", WEB_AUTHN];
                input.retain(|name, _| kept.contains(&name.as_str()));
            }
            aws.call(Service::Cognito, "SetUserPoolMfaConfig", &Value::Object(input)).await?;
        }
        for (client_id, client) in &self.clients {
            if now.clients.get(client_id) != Some(client) {
                progress.show("UpdateUserPoolClient");
                let mut input = kept(client, &CLIENT_SETTINGS);
                input.insert("UserPoolId".to_owned(), id.into());
                aws.call(Service::Cognito, "UpdateUserPoolClient", &Value::Object(input)).await?;
            }
        }
        Ok(())
    }
}

/// Parses an answer of `GetUserPoolMfaConfig`.
fn mfa(answer: &Value) -> Result<Map<String, Value>> {
    let mut mfa = object(Some(answer), &[])?;
    authenticators_said(&mut mfa);
    Ok(mfa)
}

/// Sets authenticator apps to off where the setting is absent, so that the two forms are equal.
fn authenticators_said(mfa: &mut Map<String, Value>) {
    let apps = mfa.entry(SOFTWARE_TOKEN).or_insert_with(|| json!({}));
    if let Value::Object(apps) = apps {
        apps.entry("Enabled").or_insert(Value::Bool(false));
    }
}

/// Returns the input of `UpdateUserPool` that keeps every setting.
fn update_user_pool(id: &str, pool: &Map<String, Value>) -> Value {
    let mut input = kept(pool, &POOL_SETTINGS);
    if let Some(name) = input.remove("Name") {
        input.insert("PoolName".to_owned(), name);
    }
    input.insert("UserPoolId".to_owned(), id.into());
    // Cognito describes this setting beside its successor and refuses it beside it: "Please use
    // TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays".
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
    fn an_unknown_cognito_setting_is_reported() {
        let state = PoolState {
            pool: [("Name".to_owned(), json!("a")), ("NewThing".to_owned(), json!(1))].into_iter().collect(),
            mfa: [("MfaConfiguration".to_owned(), json!("OFF"))].into_iter().collect(),
            clients: [("c".to_owned(), [("NewFlow".to_owned(), json!(1))].into_iter().collect())].into(),
        };
        let described = json!({ "ClientName": "a", "ClientSecret": "s", "ClientSecretArn": "arn:s" });
        let client = object(Some(&described), &CLIENT_NEWS).unwrap();
        assert_eq!(client.keys().collect::<Vec<_>>(), ["ClientName"], "secrets are no settings");
        assert_eq!(state.unknown(&state), [""; 0], "nothing is written");
        let mut wanted = state.clone();
        wanted.pool.insert("Name".to_owned(), json!("b"));
        assert_eq!(state.unknown(&wanted), ["pool.NewThing"]);
        wanted.pool.clone_from(&state.pool);
        wanted.clients.get_mut("c").unwrap().insert("ClientName".to_owned(), json!("d"));
        assert_eq!(state.unknown(&wanted), ["client c.NewFlow"]);
    }

    fn mfa_of(value: &Value) -> PoolState {
        PoolState { pool: Map::new(), mfa: mfa(value).unwrap(), clients: BTreeMap::new() }
    }

    #[test]
    fn passkeys_stay_when_mfa_is_turned_off() {
        let passkeys = json!({ "RelyingPartyId": "example.com", "UserVerification": "required" });
        let off = mfa_of(&json!({ "MfaConfiguration": "OFF", "WebAuthnConfiguration": passkeys }));
        let mut on = off.clone();
        on.mfa.insert("MfaConfiguration".to_owned(), json!("ON"));
        on.mfa.insert(SOFTWARE_TOKEN.to_owned(), json!({ "Enabled": true }));
        on.mfa.insert("SmsMfaConfiguration".to_owned(), json!({}));
        let mut wanted = on.clone();
        wanted.mfa.insert("MfaConfiguration".to_owned(), json!("OFF"));
        wanted.turn_off(&on);
        assert_eq!(wanted, off);
        let mut same = off.clone();
        same.turn_off(&off);
        assert_eq!(same, off);
    }

    #[test]
    fn what_is_not_said_of_authenticator_apps_means_that_they_are_off() {
        let said =
            json!({ "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": { "Enabled": false } });
        for unsaid in [
            json!({ "MfaConfiguration": "OFF" }),
            json!({ "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {} }),
        ] {
            assert_eq!(mfa_of(&unsaid), mfa_of(&said));
        }
    }
}
