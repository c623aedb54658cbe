use std::collections::HashMap;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use jiff::Timestamp;
use lambda_http::request::RequestContext;

use super::Problem;
use crate::{
    assurance::Evidence,
    factors::{SignedIn, devices::DeviceId},
    kernel::{AccessToken, Refusal, UserId},
};

/// The scope that Cognito's own user operations ask for (cognito.md §4.4).
const SCOPE: &str = "aws.cognito.signin.user.admin";

/// The caller, out of the claims that API Gateway's authorizer has verified. The authorizer does not
/// look at `token_use` (cognito.md §8.1), so an ID token gets this far, and no further.
impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let claims = claims(parts).ok_or(Refusal::NotSignedIn)?;
        let claim = |name: &str| claims.get(name).map(String::as_str).unwrap_or_default();
        let has_scope = claim("scope").split(' ').any(|scope| scope == SCOPE);
        if claim("token_use") != "access" || !has_scope {
            return Err(Refusal::AccessTokenNeeded.into());
        }
        let user = UserId::parse(claim("sub")).map_err(|_| Refusal::AccessTokenNeeded)?;
        let at = claim("auth_time").parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(AccessToken::from_authorization).ok_or(Refusal::NotSignedIn)?;
        let device = DeviceId::parse(claim("device_key")).ok();
        let at = at.ok_or(Refusal::AccessTokenNeeded)?;
        let evidence = Evidence::from_claims(|name| claims.get(name).map(String::as_str));
        Ok(Self { user, token, at, client_id: claim("client_id").to_owned(), evidence, device })
    }
}

pub(super) fn claims(parts: &Parts) -> Option<&HashMap<String, String>> {
    let RequestContext::ApiGatewayV2(context) = parts.extensions.get::<RequestContext>()? else {
        return None;
    };
    Some(&context.authorizer.as_ref()?.jwt.as_ref()?.claims)
}
