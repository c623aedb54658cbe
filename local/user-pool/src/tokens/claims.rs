//! The claims of cognito.md §8.3, after the pre-token trigger's changes (§1.9).

use serde_json::{Map, Value, json};

use super::Grant;
use super::overrides::TokenChanges;
use crate::entropy;

pub(crate) const ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// No trigger changes these.
const PROTECTED: [&str; 18] = [
    "sub",
    "username",
    "iss",
    "exp",
    "iat",
    "jti",
    "origin_jti",
    "token_use",
    "client_id",
    "event_id",
    "device_key",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "nbf",
    "nonce",
];

pub(super) fn access(grant: &Grant<'_>) -> Map<String, Value> {
    let mut claims = base(grant, "access", grant.client.access_token_validity().as_secs());
    claims.insert("client_id".into(), grant.client.id.clone().into());
    claims.insert("username".into(), grant.user.username.clone().into());
    if let Some(device) = &grant.sign_in.device_key {
        claims.insert("device_key".into(), device.clone().into());
    }
    insert_groups(&mut claims, grant);
    let changes = &grant.overrides.access;
    let suppressed = |scope: &String| changes.scopes_to_suppress.contains(scope);
    let scopes: Vec<_> = std::iter::once(ADMIN_SCOPE.to_owned())
        .chain(changes.scopes_to_add.iter().cloned())
        .filter(|scope| !suppressed(scope))
        .collect();
    claims.insert("scope".into(), scopes.join(" ").into());
    let audience = changes.to_add.get("aud").filter(|aud| **aud == grant.client.id).cloned();
    apply(&mut claims, changes);
    if let Some(audience) = audience {
        claims.insert("aud".into(), audience);
    }
    claims
}

pub(super) fn id(grant: &Grant<'_>) -> Map<String, Value> {
    let mut claims = base(grant, "id", grant.client.id_token_validity().as_secs());
    claims.insert("aud".into(), grant.client.id.clone().into());
    claims.insert("cognito:username".into(), grant.user.username.clone().into());
    insert_groups(&mut claims, grant);
    if !grant.groups.roles.is_empty() {
        claims.insert("cognito:roles".into(), json!(grant.groups.roles));
    }
    if let Some(role) = &grant.groups.preferred_role {
        claims.insert("cognito:preferred_role".into(), role.clone().into());
    }
    for (name, value) in &grant.user.attributes {
        if is_readable(grant, name) {
            claims.insert(name.clone(), attribute_claim(name, value));
        }
    }
    apply(&mut claims, &grant.overrides.id);
    claims
}

fn base(grant: &Grant<'_>, token_use: &str, seconds: i64) -> Map<String, Value> {
    let now = grant.now.as_second();
    let claims = json!({
        "sub": grant.user.sub,
        "iss": grant.pool.issuer(),
        "origin_jti": grant.sign_in.origin_jti,
        "event_id": grant.sign_in.event_id,
        "token_use": token_use,
        "auth_time": grant.sign_in.auth_time.as_second(),
        "exp": now.saturating_add(seconds),
        "iat": now,
        "jti": entropy::uuid(),
    });
    match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

fn insert_groups(claims: &mut Map<String, Value>, grant: &Grant<'_>) {
    if !grant.groups.names.is_empty() {
        claims.insert("cognito:groups".into(), json!(grant.groups.names));
    }
}

fn is_readable(grant: &Grant<'_>, name: &str) -> bool {
    match &grant.client.settings.read_attributes {
        Some(readable) => readable.iter().any(|attribute| attribute == name),
        None => true,
    }
}

fn attribute_claim(name: &str, value: &str) -> Value {
    match name {
        "email_verified" | "phone_number_verified" => value.eq_ignore_ascii_case("true").into(),
        "updated_at" => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
        "address" => json!({"formatted": value}),
        "identities" => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
        _ => value.into(),
    }
}

/// What is both added and suppressed is suppressed.
fn apply(claims: &mut Map<String, Value>, changes: &TokenChanges) {
    for (name, value) in &changes.to_add {
        if is_changeable(name) {
            claims.insert(name.clone(), value.clone());
        }
    }
    for name in &changes.to_suppress {
        if is_changeable(name) {
            claims.remove(name);
        }
    }
}

fn is_changeable(name: &str) -> bool {
    !PROTECTED.contains(&name)
        && !matches!(name, "aud" | "identities" | "scope")
        && !name.starts_with("cognito:")
        && !name.starts_with("dev:")
}
