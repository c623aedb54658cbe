//! The MFA API's router on in-memory ports, called with API Gateway's own events.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use shared::{
    audit::Action,
    config::Policy,
    factors::Factors,
    http::mfa_api,
    kernel::{Factor, UserId},
};
use shared_testkit::{InMemoryTable, InMemoryUserPool, ManualClock, SeededEntropy};
use tower::ServiceExt;

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
/// `auth_time` of the sample events.
const SIGNED_IN_AT: Timestamp = Timestamp::constant(1_767_322_985, 0);

struct Api {
    pool: Arc<InMemoryUserPool>,
    table: Arc<InMemoryTable>,
    clock: Arc<ManualClock>,
    router: axum::Router,
}

fn api(factors: &[Factor]) -> Api {
    let pool = Arc::new(InMemoryUserPool::new(UserId::parse(SUB).unwrap()).with_factors(factors));
    let table = Arc::new(InMemoryTable::default());
    let clock = Arc::new(ManualClock::at(SIGNED_IN_AT + SignedDuration::from_mins(1)));
    let entropy = Arc::new(SeededEntropy::new(1));
    let factors = Factors::new(pool.clone(), table.clone(), clock.clone(), entropy, &Policy::default());
    Api { pool, table, clock, router: mfa_api(Arc::new(factors)) }
}

/// A sample event with another method, path and body.
fn event(file: &str, method: &str, path: &str, body: Option<&str>) -> Value {
    let file = format!("{}/../events/apigw-http-v2.{file}.json", env!("CARGO_MANIFEST_DIR"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    event["body"] = json!(body);
    event
}

impl Api {
    async fn send(&self, event: &Value) -> Response<Body> {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| body.to_string());
        read(self.send(&event("access-token", method, path, body.as_deref())).await).await
    }
}

async fn read(response: Response<Body>) -> (u16, Value) {
    let status = response.status();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let problem = response.headers()["content-type"] == "application/problem+json";
    assert_eq!(problem, !status.is_success(), "a problem document exactly where it failed");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    if problem {
        assert_eq!(body["status"], status.as_u16());
        assert_eq!(body["type"], format!("urn:cognito-mfa:problem:{}", body["code"].as_str().unwrap()));
    }
    (status.as_u16(), body)
}

#[tokio::test]
async fn the_overview_says_what_is_on() {
    let (status, body) = api(&[Factor::Totp, Factor::Sms]).call("GET", "/mfa", None).await;
    assert_eq!(status, 200);
    assert_eq!(body, json!({ "enabled": ["SMS", "TOTP"], "preferred": "TOTP", "totp": { "enabled": true } }));
    let (_, body) = api(&[]).call("GET", "/mfa", None).await;
    assert_eq!(body, json!({ "enabled": [], "preferred": null, "totp": { "enabled": false } }));
}

#[tokio::test]
async fn an_authenticator_is_set_up_and_made_the_preferred_factor() {
    let api = api(&[]);
    let (status, body) = api.call("POST", "/mfa/totp", None).await;
    assert_eq!(status, 200);
    assert_eq!(body["secret"], "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
    assert_eq!(
        body["uri"],
        "otpauth://totp/Example:alex%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example"
    );
    assert!(body["qr"]["svg"].as_str().unwrap().starts_with("<svg "));
    assert!(body["qr"]["png"].as_str().unwrap().starts_with("data:image/png;base64,"));

    let wrong = json!({ "code": "000000" });
    let (status, body) = api.call("POST", "/mfa/totp/verify", Some(wrong)).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("code-wrong")));
    let right = json!({ "code": "492 039", "friendlyDeviceName": "Phone" });
    let (status, body) = api.call("POST", "/mfa/totp/verify", Some(right.clone())).await;
    assert_eq!((status, body), (200, json!({ "status": "VERIFIED" })));
    let (status, body) = api.call("POST", "/mfa/totp/verify", Some(right)).await;
    assert_eq!((status, body["code"].as_str()), (422, Some("code-already-used")));

    let (status, body) = api.call("PUT", "/mfa/preference", Some(json!({ "totp": "PREFERRED" }))).await;
    assert_eq!((status, body), (200, json!({ "sms": "DISABLED", "totp": "PREFERRED", "email": "DISABLED" })));
    let actions: Vec<Action> = api.table.audit().iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        [
            Action::TotpStarted { replace: false },
            Action::TotpVerified,
            Action::PreferenceChanged { factor: Factor::Totp, enabled: true, preferred: true },
        ]
    );
}

#[tokio::test]
async fn whoever_has_an_authenticator_loses_it_only_by_asking_for_it() {
    let api = api(&[Factor::Totp]);
    for body in [None, Some(json!({})), Some(json!({ "replace": false })), Some(json!({ "replace": null }))] {
        let (status, body) = api.call("POST", "/mfa/totp", body).await;
        assert_eq!((status, body["code"].as_str()), (409, Some("totp-already-set-up")));
    }
    assert!(!api.pool.calls().contains(&"AssociateSoftwareToken"));
    let (status, _) = api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await;
    assert_eq!(status, 200);
    assert_eq!(api.table.audit().last().unwrap().action, Action::TotpStarted { replace: true });
}

#[rstest]
#[case::enabled_keeps_the_mark(json!({ "totp": "ENABLED" }), json!({ "sms": "ENABLED", "totp": "PREFERRED", "email": "DISABLED" }), 0)]
#[case::never_set_up(json!({ "email": "DISABLED" }), json!({ "sms": "ENABLED", "totp": "PREFERRED", "email": "DISABLED" }), 0)]
#[case::nothing(json!({}), json!({ "sms": "ENABLED", "totp": "PREFERRED", "email": "DISABLED" }), 0)]
#[case::moves(json!({ "sms": "PREFERRED" }), json!({ "sms": "PREFERRED", "totp": "ENABLED", "email": "DISABLED" }), 1)]
#[case::drops(json!({ "totp": "NOT_PREFERRED" }), json!({ "sms": "ENABLED", "totp": "ENABLED", "email": "DISABLED" }), 1)]
#[case::off(json!({ "totp": "DISABLED" }), json!({ "sms": "ENABLED", "totp": "DISABLED", "email": "DISABLED" }), 1)]
#[tokio::test]
async fn preferences(#[case] request: Value, #[case] after: Value, #[case] writes: usize) {
    let api = api(&[Factor::Totp, Factor::Sms]);
    assert_eq!(api.call("PUT", "/mfa/preference", Some(request)).await, (200, after.clone()));
    assert_eq!(api.call("GET", "/mfa/preference", None).await, (200, after.clone()));
    assert_eq!(api.pool.calls().iter().filter(|call| **call == "SetUserMFAPreference").count(), writes);
    assert_eq!(api.call("PUT", "/mfa/preference", Some(after.clone())).await.1, {
        // What was answered can be sent back: `ENABLED` keeps the mark, so nothing moves.
        after
    });
}

#[tokio::test]
async fn preferences_that_cannot_be() {
    let api = api(&[Factor::Sms]);
    let (status, body) =
        api.call("PUT", "/mfa/preference", Some(json!({ "sms": "PREFERRED", "totp": "PREFERRED" }))).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("two-preferred-factors")));
    let (status, body) = api.call("PUT", "/mfa/preference", Some(json!({ "totp": "ENABLED" }))).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("factor-not-set-up")));
    api.pool.ignore_preferences();
    let (status, body) = api.call("PUT", "/mfa/preference", Some(json!({ "sms": "DISABLED" }))).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (409, Some("factor-not-changeable")),
        "never a success that changed nothing"
    );
}

#[rstest]
#[case::unknown_route("GET", "/mfa/nothing", None, None, 404, "route-not-found", None)]
#[case::other_root("GET", "/", None, None, 404, "route-not-found", None)]
#[case::wrong_method("DELETE", "/mfa", None, None, 405, "method-not-allowed", None)]
#[case::wrong_content_type(
    "POST",
    "/mfa/totp/verify",
    Some("code=1"),
    Some("application/x-www-form-urlencoded"),
    415,
    "content-type-not-supported",
    None
)]
#[case::no_content_type(
    "POST",
    "/mfa/totp/verify",
    Some("{}"),
    None,
    415,
    "content-type-not-supported",
    None
)]
#[case::broken_json(
    "POST",
    "/mfa/totp/verify",
    Some("{\"code\":"),
    Some("application/json"),
    400,
    "json-malformed",
    None
)]
#[case::no_object(
    "POST",
    "/mfa/totp/verify",
    Some("[1]"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$")
)]
#[case::missing(
    "POST",
    "/mfa/totp/verify",
    Some("{}"),
    Some("application/json; charset=utf-8"),
    422,
    "field-not-valid",
    Some("$.code")
)]
#[case::empty_body(
    "POST",
    "/mfa/totp/verify",
    None,
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.code")
)]
#[case::mistyped(
    "POST",
    "/mfa/totp/verify",
    Some("{\"code\":123456}"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.code")
)]
#[case::no_code(
    "POST",
    "/mfa/totp/verify",
    Some("{\"code\":\"12345\"}"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.code")
)]
#[case::no_name(
    "POST",
    "/mfa/totp/verify",
    Some("{\"code\":\"123456\",\"friendlyDeviceName\":\"\"}"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.friendlyDeviceName")
)]
#[case::misspelt(
    "PUT",
    "/mfa/preference",
    Some("{\"topt\":\"PREFERRED\"}"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.topt")
)]
#[case::unknown_word(
    "PUT",
    "/mfa/preference",
    Some("{\"totp\":\"ON\"}"),
    Some("application/json"),
    422,
    "field-not-valid",
    Some("$.totp")
)]
#[tokio::test]
async fn bad_input(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Option<&str>,
    #[case] content_type: Option<&str>,
    #[case] status: u16,
    #[case] code: &str,
    #[case] member: Option<&str>,
) {
    let api = api(&[Factor::Totp]);
    let mut event = event("access-token", method, path, body);
    let headers = event["headers"].as_object_mut().unwrap();
    headers.remove("content-type");
    headers.extend(content_type.map(|kind| ("content-type".to_owned(), json!(kind))));
    let (answered, problem) = read(api.send(&event).await).await;
    assert_eq!((answered, problem["code"].as_str()), (status, Some(code)));
    assert_eq!(problem.get("path").and_then(Value::as_str), member);
    assert!(api.pool.calls().iter().all(|call| *call == "GetUser"), "nothing changed");
}

#[tokio::test]
async fn a_body_of_more_than_16_kib_is_too_large() {
    let body = json!({ "code": "1".repeat(20_000) });
    let (status, problem) = api(&[]).call("POST", "/mfa/totp/verify", Some(body)).await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("body-too-large")));
}

const ROUTES: [(&str, &str, Option<&str>); 5] = [
    ("GET", "/mfa", None),
    ("GET", "/mfa/preference", None),
    ("POST", "/mfa/totp", Some("{\"replace\":true}")),
    ("POST", "/mfa/totp/verify", Some("{\"code\":\"492039\"}")),
    ("PUT", "/mfa/preference", Some("{\"totp\":\"DISABLED\"}")),
];

#[tokio::test]
async fn only_the_users_own_access_token_opens_a_route() {
    for (method, path, body) in ROUTES {
        let api = api(&[Factor::Totp]);
        let refused =
            [("no-authorizer", "not-signed-in"), ("id-token-must-be-refused", "access-token-needed")];
        for (file, code) in refused {
            let (status, problem) = read(api.send(&event(file, method, path, body)).await).await;
            assert_eq!((status, problem["code"].as_str()), (401, Some(code)), "{method} {path}");
        }
        for claim in ["token_use", "scope", "sub", "auth_time"] {
            let mut without = event("access-token", method, path, body);
            without["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap().remove(claim);
            let (status, _) = read(api.send(&without).await).await;
            assert_eq!(status, 401, "{method} {path} without {claim}");
        }
        assert!(api.pool.calls().is_empty(), "Cognito is not even asked");

        let mut of_another = event("access-token", method, path, body);
        of_another["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = json!("another");
        assert_eq!(read(api.send(&of_another).await).await.0, 401);
        api.pool.revoke();
        let (status, problem) = read(api.send(&event("access-token", method, path, body)).await).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some("not-signed-in")));
        assert!(
            api.pool.calls().iter().all(|call| *call == "GetUser"),
            "a revoked token is found out before any change"
        );
        assert!(api.table.audit().is_empty());
    }
}

#[tokio::test]
async fn a_change_needs_a_fresh_sign_in_and_a_look_does_not() {
    let api = api(&[Factor::Totp]);
    api.clock.advance(SignedDuration::from_mins(4));
    assert_eq!(
        api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await.0,
        200,
        "5 minutes after the sign-in"
    );
    api.clock.advance(SignedDuration::from_secs(1));
    for (method, path, body) in ROUTES {
        let (status, problem) = read(api.send(&event("access-token", method, path, body)).await).await;
        if method == "GET" {
            assert_eq!(status, 200);
        } else {
            assert_eq!(
                (status, problem["code"].as_str()),
                (401, Some("reauthentication-required")),
                "{path}"
            );
            assert_eq!(problem["maxAge"], 300);
        }
    }
}

#[tokio::test]
async fn no_internal_error_reaches_the_user_and_nothing_changes_unaudited() {
    let api = api(&[]);
    api.table.fail();
    for (method, path, body) in
        [("POST", "/mfa/totp", json!({})), ("PUT", "/mfa/preference", json!({ "sms": "ENABLED" }))]
    {
        let (status, problem) = api.call(method, path, Some(body)).await;
        assert_eq!((status, problem["code"].as_str()), (503, Some("temporarily-unavailable")));
    }
    assert!(api.pool.calls().iter().all(|call| *call == "GetUser"));
    api.pool.fail();
    let response = api.send(&event("access-token", "GET", "/mfa", None)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let (_, problem) = read(response).await;
    assert!(!problem.to_string().contains("canary"), "{problem}");
}
