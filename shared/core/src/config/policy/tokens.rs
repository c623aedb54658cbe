use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The defaults of a client that an operator adds.
pub(super) const NEW_CLIENT: &str = "
[id]
add = {}
attributes = {}
suppress = []
[access]
add = {}
attributes = {}
suppress = []
add_scopes = []
suppress_scopes = []
";

/// A token with this scope can change factors at Cognito itself.
pub const SELF_SERVICE_SCOPE: &str = "aws.cognito.signin.user.admin";
/// The claim that names the proven factors.
pub const MFA_METHODS: &str = "mfa_methods";
/// Claims that only say what a sign-in proved.
const EVIDENCE_CLAIMS: [&str; 3] = [MFA_METHODS, "mfa_level", "mfa_at"];

/// Claims that Cognito lets no trigger change (cognito.md §1.9), and `scope`, which has separate keys. Every
/// claim `cognito:*` is protected too.
const PROTECTED: [&str; 21] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "device_key",
    "event_id",
    "exp",
    "iat",
    "identities",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "origin_jti",
    "scope",
    "sub",
    "token_use",
    "username",
];
/// Claims that are always texts (cognito.md §1.9).
const TEXTS: [&str; 4] = ["address", "email_verified", "phone_number_verified", "updated_at"];
/// Cognito's own scopes. Every other scope has the form `resource/scope`.
const RESERVED_SCOPES: [&str; 5] = ["openid", "email", "phone", "profile", SELF_SERVICE_SCOPE];
/// The limit for added claims. A token travels in a header of at most 10 KB (cognito.md §1.9).
const MOST_BYTES: usize = 2_048;

/// What we change in the tokens that Cognito makes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokensPolicy {
    pub mfa_methods: bool,
    pub fresh_factor_changes: bool,
    /// Clients by their name in `MFA_APP_CLIENTS`.
    pub clients: BTreeMap<String, ClientTokensPolicy>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ClientTokensPolicy {
    pub id: ClaimsPolicy,
    pub access: AccessTokenPolicy,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ClaimsPolicy {
    pub add: BTreeMap<String, Value>,
    /// User attributes to copy into claims: the attribute name by claim name.
    pub attributes: BTreeMap<String, Value>,
    pub suppress: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AccessTokenPolicy {
    #[serde(flatten)]
    pub claims: ClaimsPolicy,
    pub add_scopes: Vec<String>,
    pub suppress_scopes: Vec<String>,
}

impl TokensPolicy {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        for (name, client) in &self.clients {
            let key = format!("tokens.clients.{name}");
            client.id.check(&format!("{key}.id"), problems);
            client.access.claims.check(&format!("{key}.access"), problems);
            for (list, scopes) in [
                ("add_scopes", &client.access.add_scopes),
                ("suppress_scopes", &client.access.suppress_scopes),
            ] {
                for scope in scopes.iter().filter(|scope| !is_scope(scope)) {
                    let reserved = RESERVED_SCOPES.join(", ");
                    problems.push(format!(
                        "{key}.access.{list}: {scope:?} is neither like \"resource/scope\" nor one of {reserved}"
                    ));
                }
            }
        }
    }
}

impl ClaimsPolicy {
    fn check(&self, key: &str, problems: &mut Vec<String>) {
        let named = [
            ("add", self.add.keys().collect::<Vec<_>>()),
            ("attributes", self.attributes.keys().collect()),
            ("suppress", self.suppress.iter().collect()),
        ];
        for (list, claim) in
            named.iter().flat_map(|(list, claims)| claims.iter().map(move |claim| (list, claim)))
        {
            if claim.is_empty() || claim.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
                problems.push(format!("{key}.{list}: {claim:?} is no claim's name"));
            } else if PROTECTED.contains(&claim.as_str()) || claim.starts_with("cognito:") {
                problems.push(format!("{key}.{list}: {claim} is Cognito's own and can't be changed"));
            } else if EVIDENCE_CLAIMS.contains(&claim.as_str()) {
                problems.push(format!("{key}.{list}: {claim} says what was proven and nothing else"));
            }
        }
        for (claim, value) in &self.add {
            if !is_claim_value(value) {
                problems.push(format!("{key}.add.{claim} holds a number that JSON does not have"));
            } else if TEXTS.contains(&claim.as_str()) && !value.is_string() {
                problems.push(format!("{key}.add.{claim} must be a text"));
            }
        }
        for (claim, attribute) in &self.attributes {
            if attribute.as_str().is_none_or(str::is_empty) {
                problems.push(format!("{key}.attributes.{claim} must be the name of an attribute"));
            }
            if self.add.contains_key(claim) {
                problems.push(format!("{key}: {claim} stands in add and in attributes"));
            }
        }
        let size: usize = self.add.iter().map(|(claim, value)| claim.len() + value.to_string().len()).sum();
        if size > MOST_BYTES {
            problems.push(format!("{key}.add has {size} bytes; {MOST_BYTES} is the most"));
        }
    }
}

fn is_scope(scope: &str) -> bool {
    // A scope has printable ASCII without blank, quote and backslash (RFC 6749 §3.3).
    let is_printable = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let has_resource =
        scope.split_once('/').is_some_and(|(resource, name)| !resource.is_empty() && !name.is_empty());
    RESERVED_SCOPES.contains(&scope) || (has_resource && scope.bytes().all(is_printable))
}

/// Returns whether a token can hold the value. Numbers that JSON lacks have become `null`, and dates have
/// become texts.
fn is_claim_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().all(is_claim_value),
        Value::Object(members) => members.values().all(is_claim_value),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Policy, Problems};

    #[test]
    fn a_named_client_starts_empty_and_takes_any_claim() {
        let overrides = r#"
            [tokens.clients.web.id.add]
            tier = "gold"
            [tokens.clients.web.access]
            add = { limits = { seats = 3, regions = ["eu", "us"] }, beta = true, since = 2026-01-01 }
            attributes = { tenant = "custom:tenant" }
            add_scopes = ["orders/read"]
        "#;
        let tokens = Policy::read(Some(overrides)).unwrap().tokens;
        let web = &tokens.clients["web"];
        assert_eq!(web.id.add, [("tier".to_owned(), json!("gold"))].into());
        assert_eq!(web.access.claims.add["limits"], json!({ "seats": 3, "regions": ["eu", "us"] }));
        assert_eq!(web.access.claims.add["since"], "2026-01-01");
        assert_eq!(web.access.claims.attributes["tenant"], "custom:tenant");
        assert_eq!(web.access.add_scopes, ["orders/read"]);
        assert!(web.id.suppress.is_empty() && web.access.suppress_scopes.is_empty());
        assert!(tokens.mfa_methods && !tokens.fresh_factor_changes);
    }

    #[test]
    fn every_protected_claim_is_refused_wherever_it_stands() {
        for claim in PROTECTED.iter().copied().chain(["cognito:groups", "cognito:x"]).chain(EVIDENCE_CLAIMS) {
            for rule in ["add.\"{}\" = 'x'", "attributes.\"{}\" = 'x'", "suppress = ['{}']"] {
                for token in ["id", "access"] {
                    let rule = rule.replace("{}", claim);
                    let overrides = format!("[tokens.clients.web.{token}]\n{rule}");
                    let Problems(problems) = Policy::read(Some(&overrides)).unwrap_err();
                    assert_eq!(problems.len(), 1, "{claim}: {problems:?}");
                }
            }
        }
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let overrides = r#"
            [tokens]
            mfa_method = true
            [tokens.clients.web.id]
            add = { "a b" = 1, twice = "x", email_verified = true, odd = [nan] }
            attributes = { twice = "custom:twice", empty = "", number = 1 }
            add_scopes = []
            [tokens.clients.web.access]
            add_scopes = ["orders", "orders/", "or ders/read", "openid"]
            suppress_scopes = ["/read"]
        "#;
        let Problems(problems) = Policy::read(Some(overrides)).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        tokens.clients.web.id.add_scopes is not a key of the policy
        tokens.mfa_method is not a key of the policy
        tokens.clients.web.id.add: "a b" is no claim's name
        tokens.clients.web.id.add.email_verified must be a text
        tokens.clients.web.id.add.odd holds a number that JSON does not have
        tokens.clients.web.id.attributes.empty must be the name of an attribute
        tokens.clients.web.id.attributes.number must be the name of an attribute
        tokens.clients.web.id: twice stands in add and in attributes
        tokens.clients.web.access.add_scopes: "orders" is neither like "resource/scope" nor one of openid, email, phone, profile, aws.cognito.signin.user.admin
        tokens.clients.web.access.add_scopes: "orders/" is neither like "resource/scope" nor one of openid, email, phone, profile, aws.cognito.signin.user.admin
        tokens.clients.web.access.add_scopes: "or ders/read" is neither like "resource/scope" nor one of openid, email, phone, profile, aws.cognito.signin.user.admin
        tokens.clients.web.access.suppress_scopes: "/read" is neither like "resource/scope" nor one of openid, email, phone, profile, aws.cognito.signin.user.admin
        "#);
        let long = format!("[tokens.clients.web.id.add]\nlong = '{}'", "x".repeat(MOST_BYTES));
        let Problems(problems) = Policy::read(Some(&long)).unwrap_err();
        assert_eq!(problems, ["tokens.clients.web.id.add has 2054 bytes; 2048 is the most"]);
    }
}
