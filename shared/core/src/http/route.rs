//! The route that API Gateway chose.

use axum::http::{Method, Uri, uri::PathAndQuery};
use lambda_http::{RequestExt as _, request::RequestContext};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All that RFC 3986 §2.3 does not call unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The method of requests that match only the catch-all route. No handler has it, so the router returns 404 or
/// 405.
const UNMATCHED: &[u8] = b"UNMATCHED";

/// Sets a request's path to that of the route which API Gateway chose, with the path's variables in it. Returns
/// false where that can't be.
///
/// `rawPath` is decoded text, in which a `/`, a `?` or a `..` of a variable is one of the path itself, and
/// `lambda_http` reads it as such (cognito.md §8.4). The function ignores it, and runs the handler of the route
/// that API Gateway authorized. The route that takes what no other does runs no handler.
pub(super) fn follow(request: &mut lambda_http::Request) -> bool {
    let Some((uri, is_matched)) = chosen(request) else { return false };
    *request.uri_mut() = uri;
    if !is_matched {
        let Ok(method) = Method::from_bytes(UNMATCHED) else { return false };
        *request.method_mut() = method;
    }
    true
}

/// Returns the path of the chosen route, and whether it is a route of its own.
fn chosen(request: &lambda_http::Request) -> Option<(Uri, bool)> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else { return None };
    let (_, pattern) = context.route_key.as_deref()?.split_once(' ')?;
    let variables = request.path_parameters();
    let (mut path, mut is_matched) = (String::new(), true);
    for segment in pattern.strip_prefix('/')?.split('/') {
        let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let segment = match variable.map(|name| name.strip_suffix('+').ok_or(name)) {
            None => segment.to_owned(),
            Some(Err(name)) => encoded(variables.first(name)?),
            Some(Ok(rest)) => {
                is_matched = false;
                variables.first(rest)?.split('/').map(encoded).collect::<Vec<_>>().join("/")
            }
        };
        path.push('/');
        path.push_str(&segment);
    }
    // A `?` or `#` in the path has cut the query.
    if request.raw_http_path().contains(['?', '#']) {
        return None;
    }
    if let Some(query) = request.uri().query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Some((Uri::from_parts(parts).ok()?, is_matched))
}

/// Encodes a segment of a path. A segment of dots alone would mean another folder.
fn encoded(text: &str) -> String {
    let is_dots = text.bytes().all(|byte| byte == b'.');
    utf8_percent_encode(text, if is_dots { NON_ALPHANUMERIC } else { RESERVED }).to_string()
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::post};
    use rstest::rstest;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    const EVENT: &str = include_str!("../../../../events/apigw-http-v2.access-token.json");

    /// What a router sees of an event with this route, these variables, this path and the query `limit=5`.
    fn seen(key: &Value, variables: &Value, raw_path: &str) -> Option<String> {
        let mut event: Value = serde_json::from_str(EVENT).unwrap();
        event["requestContext"]["routeKey"] = key.clone();
        event["pathParameters"] = variables.clone();
        event["rawPath"] = json!(raw_path);
        event["rawQueryString"] = json!("limit=5");
        let mut request = lambda_http::request::from_str(&event.to_string()).unwrap();
        follow(&mut request).then(|| request.uri().path_and_query().unwrap().to_string())
    }

    #[rstest]
    #[case::fixed("GET /mfa", json!(null), "/mfa", Some("/mfa?limit=5"))]
    #[case::another_path("GET /mfa", json!(null), "/mfa/totp", Some("/mfa?limit=5"))]
    #[case::a_slash_at_the_end("GET /mfa", json!(null), "/mfa/", Some("/mfa?limit=5"))]
    #[case::a_variable("POST /a/{id}/verify", json!({ "id": "0af" }), "/a/0af/verify", Some("/a/0af/verify?limit=5"))]
    #[case::a_slash_in_it("POST /a/{id}/verify", json!({ "id": "x/y" }), "/a/x/y/verify", Some("/a/x%2Fy/verify?limit=5"))]
    #[case::a_percent_in_it("POST /a/{id}/verify", json!({ "id": "x%2Fy" }), "/a/x%2Fy/verify", Some("/a/x%252Fy/verify?limit=5"))]
    #[case::dots("PATCH /a/{id}", json!({ "id": ".." }), "/a/..", Some("/a/%2E%2E?limit=5"))]
    #[case::a_backslash("PATCH /a/{id}", json!({ "id": r"..\b" }), r"/a/..\b", Some("/a/..%5Cb?limit=5"))]
    #[case::a_question_mark("PATCH /a/{id}", json!({ "id": "x?y" }), "/a/x?y", None)]
    #[case::a_hash("PATCH /a/{id}", json!({ "id": "x#y" }), "/a/x#y", None)]
    #[case::the_rest("ANY /{proxy+}", json!({ "proxy": "mfa/phone-number.v2" }), "/mfa/phone-number.v2", Some("/mfa/phone-number.v2?limit=5"))]
    #[case::the_rest_with_dots("ANY /{proxy+}", json!({ "proxy": "a/../mfa" }), "/a/../mfa", Some("/a/%2E%2E/mfa?limit=5"))]
    #[case::no_variable("POST /a/{id}/verify", json!({ "other": "x" }), "/a/x/verify", None)]
    #[case::no_route("$default", json!(null), "/mfa", None)]
    fn a_request_goes_where_api_gateway_has_sent_it(
        #[case] key: &str,
        #[case] variables: Value,
        #[case] raw_path: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(seen(&json!(key), &variables, raw_path).as_deref(), expected);
        assert_eq!(seen(&Value::Null, &variables, raw_path), None, "without a route");
    }
    /// Answers of a router with the route `POST /mfa/phone-number` to requests that came by `key`.
    #[rstest]
    #[case::a_known_path("TRACE /{proxy+}", "mfa/phone-number", 405)]
    #[case::the_method_of_a_route("POST /{proxy+}", "mfa/phone-number", 405)]
    #[case::an_unknown_path("POST /{proxy+}", "mfa/other", 404)]
    #[tokio::test]
    async fn the_route_for_the_rest_runs_no_handler(
        #[case] key: &str,
        #[case] rest: &str,
        #[case] expected: u16,
    ) {
        let mut event: Value = serde_json::from_str(EVENT).unwrap();
        event["requestContext"]["routeKey"] = json!(key);
        event["requestContext"]["http"]["method"] = json!("POST");
        event["pathParameters"] = json!({ "proxy": rest });
        event["rawPath"] = json!(format!("/{rest}"));
        let mut request = lambda_http::request::from_str(&event.to_string()).unwrap();
        assert!(follow(&mut request));
        let router = Router::new().route("/mfa/phone-number", post(async || "handled"));
        let response = router.oneshot(request.map(|_| axum::body::Body::empty())).await.unwrap();
        assert_eq!(response.status().as_u16(), expected);
    }
}
