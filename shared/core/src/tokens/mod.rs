//! Changes to tokens: the claims and scopes of an operator's policy, and the evidence of the sign-in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    assurance::Evidence,
    config::policy::{ClaimsPolicy, ClientTokensPolicy, MFA_METHODS, SELF_SERVICE_SCOPE, TokensPolicy},
    kernel::{CustomFactor, PortError},
};

/// The members that a version of the trigger can change (cognito.md §1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// Claims of the ID token, as texts.
    V1,
    /// Claims of any type in both tokens, and scopes. V3 has the same response.
    V2,
}

/// Tokens that are about to be issued.
pub struct Issuing<'a> {
    pub version: TokenVersion,
    /// The client's name in `MFA_APP_CLIENTS`.
    pub client: &'a str,
    pub is_refresh: bool,
    /// Whether there is a user. A client that signs in for itself gets only an access token.
    pub has_user: bool,
    /// The user's attributes.
    pub attributes: BTreeMap<&'a str, &'a str>,
    /// The proven methods, or `None` if they are unknown.
    pub methods: Option<&'a BTreeSet<CustomFactor>>,
    /// The evidence of this sign-in, for the access token.
    pub evidence: Option<Evidence>,
    /// `groupConfiguration` of the event.
    pub groups: Option<&'a Value>,
}

/// Prints only the client, because attributes may hold addresses.
impl std::fmt::Debug for Issuing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing").field("client", &self.client).finish_non_exhaustive()
    }
}

impl TokensPolicy {
    /// Returns the members of the trigger's `response`, empty if there is nothing to change. Each response
    /// repeats the groups of the event, because Cognito removes groups that are absent (cognito.md §1.9).
    ///
    /// Returns an error if scopes must be suppressed and cannot be. Such tokens must not be issued.
    pub fn overrides(&self, issuing: &Issuing<'_>) -> Result<Map<String, Value>, PortError> {
        let nothing = ClientTokensPolicy::default();
        let client = self.clients.get(issuing.client).unwrap_or(&nothing);
        let suppresses_self_service = self.fresh_factor_changes && issuing.is_refresh;
        if issuing.version == TokenVersion::V1 && suppresses_self_service {
            let needed = "tokens.fresh_factor_changes needs V2_0 or V3_0 of the trigger";
            return Err(PortError::new("policy", needed));
        }
        let methods = issuing.methods.filter(|methods| self.mfa_methods && !methods.is_empty());
        let methods = methods.map(|methods| methods.iter().map(|factor| factor.name()).collect::<Vec<_>>());
        let with_claims = |policy: &ClaimsPolicy| claims(policy, issuing, methods.as_deref());

        let id = if issuing.has_user { with_claims(&client.id) } else { Map::new() };
        let (member, mut details) = match issuing.version {
            TokenVersion::V1 => ("claimsOverrideDetails", as_texts(id)),
            TokenVersion::V2 => {
                let mut access = with_claims(&client.access.claims);
                add_evidence(&mut access, issuing.evidence);
                let mut suppressed = client.access.suppress_scopes.clone();
                if suppresses_self_service && !suppressed.iter().any(|scope| scope == SELF_SERVICE_SCOPE) {
                    suppressed.push(SELF_SERVICE_SCOPE.to_owned());
                }
                put(&mut access, "scopesToAdd", &client.access.add_scopes);
                put(&mut access, "scopesToSuppress", &suppressed);
                let tokens = [("idTokenGeneration", id), ("accessTokenGeneration", access)];
                let changed = tokens.into_iter().filter(|(_, changes)| !changes.is_empty());
                let details = changed.map(|(token, changes)| (token.to_owned(), Value::Object(changes)));
                ("claimsAndScopeOverrideDetails", details.collect::<Map<_, _>>())
            }
        };
        if details.is_empty() {
            return Ok(Map::new());
        }
        if let Some(groups) = issuing.groups {
            details.insert("groupOverrideDetails".to_owned(), groups.clone());
        }
        Ok([(member.to_owned(), Value::Object(details))].into_iter().collect())
    }
}

/// Returns the changes to the claims of one token.
fn claims(policy: &ClaimsPolicy, issuing: &Issuing<'_>, methods: Option<&[&str]>) -> Map<String, Value> {
    let mut add: Map<_, _> = policy.add.clone().into_iter().collect();
    for (claim, attribute) in &policy.attributes {
        if let Some(value) = attribute.as_str().and_then(|name| issuing.attributes.get(name)) {
            add.insert(claim.clone(), (*value).into());
        }
    }
    if let Some(methods) = methods {
        add.insert(MFA_METHODS.to_owned(), json!(methods));
    }
    let mut changes = Map::new();
    if !add.is_empty() {
        changes.insert("claimsToAddOrOverride".to_owned(), Value::Object(add));
    }
    put(&mut changes, "claimsToSuppress", &policy.suppress);
    changes
}

fn add_evidence(changes: &mut Map<String, Value>, evidence: Option<Evidence>) {
    let Some(evidence) = evidence else { return };
    let claims = changes.entry("claimsToAddOrOverride").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(claims) = claims {
        claims.extend(evidence.claims().map(|(name, value)| (name.to_owned(), Value::String(value))));
    }
}

/// Converts claims to texts. V1 has no other type, so every other value becomes its JSON.
fn as_texts(mut changes: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(claims)) = changes.get_mut("claimsToAddOrOverride") {
        for value in claims.values_mut().filter(|value| !value.is_string()) {
            *value = Value::String(value.to_string());
        }
    }
    changes
}

fn put(changes: &mut Map<String, Value>, member: &str, names: &[String]) {
    if !names.is_empty() {
        changes.insert(member.to_owned(), json!(names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    const POLICY: &str = r#"
        [tokens.clients.web.id]
        add = { tier = "gold", limits = { seats = 3 } }
        attributes = { tenant = "custom:tenant", none = "custom:none" }
        suppress = ["phone_number"]
        [tokens.clients.web.access]
        attributes = { tenant = "custom:tenant" }
        add_scopes = ["orders/read"]
        suppress_scopes = ["phone"]
    "#;

    fn policy(overrides: &str) -> TokensPolicy {
        Policy::read(Some(overrides)).unwrap().tokens
    }

    fn issuing(version: TokenVersion, client: &str) -> Issuing<'_> {
        Issuing {
            version,
            client,
            is_refresh: false,
            has_user: true,
            attributes: [("custom:tenant", "blue"), ("email", "alex@example.com")].into(),
            methods: None,
            evidence: None,
            groups: None,
        }
    }

    #[test]
    fn version_1_changes_the_id_token_in_texts() {
        let methods = [CustomFactor::Totp, CustomFactor::EmailCode].into();
        let groups =
            json!({ "groupsToOverride": ["admins"], "iamRolesToOverride": [], "preferredRole": null });
        let issuing =
            Issuing { methods: Some(&methods), groups: Some(&groups), ..issuing(TokenVersion::V1, "web") };
        insta::assert_json_snapshot!(policy(POLICY).overrides(&issuing).unwrap(), @r#"
        {
          "claimsOverrideDetails": {
            "claimsToAddOrOverride": {
              "limits": "{\"seats\":3}",
              "tier": "gold",
              "tenant": "blue",
              "mfa_methods": "[\"email\",\"totp\"]"
            },
            "claimsToSuppress": [
              "phone_number"
            ],
            "groupOverrideDetails": {
              "groupsToOverride": [
                "admins"
              ],
              "iamRolesToOverride": [],
              "preferredRole": null
            }
          }
        }
        "#);
    }

    #[test]
    fn version_2_changes_both_tokens_and_scopes() {
        let methods = [CustomFactor::Totp, CustomFactor::EmailCode].into();
        let groups = json!({ "groupsToOverride": ["admins"], "future": 1 });
        let issuing =
            Issuing { methods: Some(&methods), groups: Some(&groups), ..issuing(TokenVersion::V2, "web") };
        insta::assert_json_snapshot!(policy(POLICY).overrides(&issuing).unwrap(), @r#"
        {
          "claimsAndScopeOverrideDetails": {
            "idTokenGeneration": {
              "claimsToAddOrOverride": {
                "limits": {
                  "seats": 3
                },
                "tier": "gold",
                "tenant": "blue",
                "mfa_methods": [
                  "email",
                  "totp"
                ]
              },
              "claimsToSuppress": [
                "phone_number"
              ]
            },
            "accessTokenGeneration": {
              "claimsToAddOrOverride": {
                "tenant": "blue",
                "mfa_methods": [
                  "email",
                  "totp"
                ]
              },
              "scopesToAdd": [
                "orders/read"
              ],
              "scopesToSuppress": [
                "phone"
              ]
            },
            "groupOverrideDetails": {
              "groupsToOverride": [
                "admins"
              ],
              "future": 1
            }
          }
        }
        "#);
    }

    #[test]
    fn where_nothing_changes_the_event_goes_back_as_it_came() {
        for version in [TokenVersion::V1, TokenVersion::V2] {
            let groups = json!({ "groupsToOverride": ["admins"] });
            let methods = BTreeSet::new();
            let other =
                Issuing { groups: Some(&groups), methods: Some(&methods), ..issuing(version, "other") };
            assert_eq!(policy(POLICY).overrides(&other).unwrap(), Map::new());
            let methods = [CustomFactor::Totp].into();
            let proven = Issuing { methods: Some(&methods), ..issuing(version, "other") };
            let silent = policy("[tokens]\nmfa_methods = false");
            assert_eq!(silent.overrides(&proven).unwrap(), Map::new());
        }
    }

    #[test]
    fn a_client_for_itself_has_an_access_token_only() {
        let itself = Issuing { has_user: false, ..issuing(TokenVersion::V2, "web") };
        let answer = policy(POLICY).overrides(&itself).unwrap();
        let details = &answer["claimsAndScopeOverrideDetails"];
        assert!(details.get("idTokenGeneration").is_none() && details.get("groupOverrideDetails").is_none());
        assert_eq!(details["accessTokenGeneration"]["scopesToAdd"], json!(["orders/read"]));
    }

    #[test]
    fn refreshed_tokens_lose_the_self_service_scope() {
        let fresh = policy("[tokens]\nfresh_factor_changes = true");
        let refresh = |version| Issuing { is_refresh: true, ..issuing(version, "web") };
        let answer = fresh.overrides(&refresh(TokenVersion::V2)).unwrap();
        assert_eq!(
            answer["claimsAndScopeOverrideDetails"],
            json!({ "accessTokenGeneration": { "scopesToSuppress": [SELF_SERVICE_SCOPE] } })
        );
        assert!(fresh.overrides(&refresh(TokenVersion::V1)).is_err());
        for version in [TokenVersion::V1, TokenVersion::V2] {
            assert_eq!(fresh.overrides(&issuing(version, "web")).unwrap(), Map::new(), "a sign-in keeps it");
        }
    }
}
