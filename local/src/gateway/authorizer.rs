//! The JWT authorizer (cognito.md §8.1). Like the real one it does not look at `token_use`, and it
//! does not know of revoked tokens.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::template::JwtAuthorizer;

/// Finds an issuer's public keys.
pub trait Keys: Send + Sync {
    /// The JWKS of `issuer`; `None` if it is not known here.
    fn jwks(&self, issuer: &str) -> Option<Value>;
}

pub(super) struct Authorizer {
    jwt: JwtAuthorizer,
    keys: Arc<dyn Keys>,
}

/// Claims as API Gateway hands them over, and the route's scopes that the token has.
#[derive(Debug, PartialEq)]
pub(super) struct Authorized {
    pub(super) claims: Map<String, Value>,
    /// `None` if the route asks for none.
    pub(super) scopes: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// 401, and the fault of the token. `None` if the request has no token.
    Unauthorized(Option<&'static str>),
    /// 403: the route asks for one of these scopes.
    Forbidden(String),
}

impl Refused {
    /// `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> String {
        match self {
            Self::Unauthorized(None) => "Bearer".to_owned(),
            Self::Unauthorized(Some(fault)) => {
                format!(r#"Bearer scope="" error="invalid_token" error_description="{fault}""#)
            }
            Self::Forbidden(scopes) => format!(
                r#"Bearer scope="{scopes}" error="insufficient_scope" error_description="the token does not have a scope required by the route""#
            ),
        }
    }
}

impl Authorizer {
    pub(super) fn new(jwt: JwtAuthorizer, keys: Arc<dyn Keys>) -> Self {
        Self { jwt, keys }
    }

    /// `authorization` is the header's value, with or without `Bearer `.
    pub(super) fn check(
        &self,
        authorization: Option<&str>,
        scopes: &[String],
        now: Timestamp,
    ) -> Result<Authorized, Refused> {
        let invalid = |fault| Refused::Unauthorized(Some(fault));
        let token = authorization.map(bare).filter(|token| !token.is_empty());
        let token = token.ok_or(Refused::Unauthorized(None))?;
        let claims = self.verified(token).ok_or(invalid("the token has an invalid signature"))?;

        if claims.get("iss").and_then(Value::as_str) != Some(&self.jwt.issuer) {
            return Err(invalid("the token issuer does not match"));
        }
        if !self.is_for_us(&claims) {
            return Err(invalid("the token does not have a valid audience"));
        }
        let now = now.as_second();
        let seconds = |name: &str| claims.get(name).map(|value| value.as_i64().unwrap_or(i64::MIN));
        match seconds("exp") {
            Some(exp) if exp > now => {}
            _ => return Err(invalid("the token has expired")),
        }
        if ["nbf", "iat"].into_iter().filter_map(seconds).any(|start| start == i64::MIN || start > now) {
            return Err(invalid("the token is not valid yet"));
        }

        let matched = if scopes.is_empty() {
            None
        } else {
            let granted = granted_scopes(&claims);
            let matched: Vec<_> =
                scopes.iter().filter(|scope| granted.contains(&scope.as_str())).cloned().collect();
            if matched.is_empty() {
                return Err(Refused::Forbidden(scopes.join(" ")));
            }
            Some(matched)
        };
        let claims = claims.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?.into())));
        Ok(Authorized { claims: claims.collect(), scopes: matched })
    }

    /// The claims, if one of the issuer's keys signed them with RS256.
    fn verified(&self, token: &str) -> Option<Map<String, Value>> {
        let header = decode_header(token).ok()?;
        let jwks: JwkSet = serde_json::from_value(self.keys.jwks(&self.jwt.issuer)?).ok()?;
        let key = DecodingKey::from_jwk(jwks.find(&header.kid?)?).ok()?;
        let mut signature_only = Validation::new(Algorithm::RS256);
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        decode(token, &key, &signature_only).ok().map(|token| token.claims)
    }

    /// `aud`, or `client_id` only if there is no `aud`.
    fn is_for_us(&self, claims: &Map<String, Value>) -> bool {
        let ours =
            |value: &Value| value.as_str().is_some_and(|name| self.jwt.audience.iter().any(|us| us == name));
        match (claims.get("aud"), claims.get("client_id")) {
            (Some(Value::Array(several)), _) => several.iter().any(ours),
            (Some(audience), _) => ours(audience),
            (None, Some(client)) => ours(client),
            (None, None) => false,
        }
    }
}

fn bare(authorization: &str) -> &str {
    match authorization.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token.trim(),
        _ => authorization.trim(),
    }
}

/// `scope` (Cognito) or `scp` (others), blank-separated or a list.
fn granted_scopes(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(scopes)) => scopes.split_ascii_whitespace().collect(),
        Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A claim's value as text: `[a b]` for a list, `None` for null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(text).collect();
            Some(format!("[{}]", items.join(" ")))
        }
        other => Some(other.to_string()),
    }
}
