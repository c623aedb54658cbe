//! The route that API Gateway chose.

use axum::http::{Uri, uri::PathAndQuery};
use lambda_http::{RequestExt as _, request::RequestContext};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Sets a request's path to that of the route which API Gateway chose, with the path's variables in it. Returns
/// false where that can't be.
///
/// `rawPath` is decoded text, in which a `/`, a `?` or a `..` of a variable is one of the path itself, and
/// `lambda_http` reads it as such (cognito.md §8.4). So it is not looked at: what is done is what was authorized.
pub(super) fn follow(request: &mut lambda_http::Request) -> bool {
    let Some(uri) = chosen(request) else { return false };
    *request.uri_mut() = uri;
    true
}

fn chosen(request: &lambda_http::Request) -> Option<Uri> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else { return None };
    let (_, pattern) = context.route_key.as_deref()?.split_once(' ')?;
    let variables = request.path_parameters();
    let mut path = String::new();
    for segment in pattern.strip_prefix('/')?.split('/') {
        let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let segment = match variable.map(|name| name.strip_suffix('+').ok_or(name)) {
            None => segment.to_owned(),
            Some(Err(name)) => encoded(variables.first(name)?),
            // Of the route that takes what no other does.
            Some(Ok(rest)) => variables.first(rest)?.split('/').map(encoded).collect::<Vec<_>>().join("/"),
        };
        path.push('/');
        path.push_str(&segment);
    }
    // A `?` or `#` in it has cut the query.
    if request.raw_http_path().contains(['?', '#']) {
        return None;
    }
    if let Some(query) = request.uri().query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const EVENT: &str = include_str!("../../../events/apigw-http-v2.access-token.json");

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
    #[case::a_backslash("PATCH /a/{id}", json!({ "id": r"..\b" }), r"/a/..\b", Some("/a/%2E%2E%5Cb?limit=5"))]
    #[case::a_question_mark("PATCH /a/{id}", json!({ "id": "x?y" }), "/a/x?y", None)]
    #[case::a_hash("PATCH /a/{id}", json!({ "id": "x#y" }), "/a/x#y", None)]
    #[case::the_rest("ANY /{proxy+}", json!({ "proxy": "mfa/other" }), "/mfa/other", Some("/mfa/other?limit=5"))]
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
}
