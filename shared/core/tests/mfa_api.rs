//! The MFA API's router on in-memory ports, called with API Gateway's own events.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    api_limits::{IdempotentRequests, RateLimiter},
    assurance::{Evidence, PasswordRecovery, RecordedSignIn, SignInRecords},
    audit::AuditAction,
    config::{Policy, load},
    custom_auth::{AppClients, CustomAuthSettings},
    delivery::{
        Channel, Notice, OutboundMessage,
        toll_fraud::{Budgets, Destination, LastSend, NumberRules, SendHistory},
    },
    factors::{
        ActivityService, AddressService, FactorChangeGuard, FactorChangePorts, PoolFactorService,
        ResendCooldown,
        custom::{
            Change, ChangeOutcome, CustomFactorService, CustomFactorStore, CustomFactors, PoolFactorNote,
        },
        devices::{DeviceId, DeviceService, PoolDevice},
    },
    http::{MfaServices, mfa_api},
    kernel::{EmailAddress, HashKey, PoolFactor, PortError, UserId},
};
use mfa_testkit::{
    InMemoryMessageQueue, InMemorySeeds, InMemoryTable, InMemoryUserPool, ManualClock, Said, SeededEntropy,
    SoftwareAuthenticator,
};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
/// The `client_id` of the sample events.
const CLIENT: &str = "1example23456789exampleab";
/// The `auth_time` of the sample events.
const SIGNED_IN_AT: Timestamp = Timestamp::constant(1_767_322_985, 0);

struct Api {
    pool: Arc<InMemoryUserPool>,
    table: Arc<InMemoryTable>,
    clock: Arc<ManualClock>,
    queue: Arc<InMemoryMessageQueue>,
    router: axum::Router,
}

fn api(factors: &[PoolFactor]) -> Api {
    let table = Arc::new(InMemoryTable::default());
    api_with(factors, table.clone(), table)
}

fn api_with(factors: &[PoolFactor], table: Arc<InMemoryTable>, store: Arc<dyn CustomFactorStore>) -> Api {
    let pool = Arc::new(InMemoryUserPool::new(UserId::parse(SUB).unwrap()).with_factors(factors));
    let clock = Arc::new(ManualClock::at(SIGNED_IN_AT + SignedDuration::from_mins(1)));
    let queue = Arc::new(InMemoryMessageQueue::default());
    let passkeys = "[passkeys]\nrelying_party_id = 'example.com'\norigins = ['https://login.example.com']";
    let policy = Policy::read(Some(passkeys)).unwrap();
    let entropy = Arc::new(SeededEntropy::new(1));
    let access = FactorChangeGuard::new(
        pool.clone(),
        FactorChangePorts {
            custom: store.clone(),
            records: table.clone(),
            clients: Arc::new(clients(&policy)),
            devices: pool.clone(),
        },
        table.clone(),
        queue.clone(),
        clock.clone(),
        entropy,
        &policy,
    );
    let access = Arc::new(access);
    let hash_key = HashKey::new(&[7; 32]);
    let custom =
        CustomFactorService::new(access.clone(), store.clone(), Arc::new(InMemorySeeds), hash_key, &policy);
    let numbers = load(&|_| None, |environment| NumberRules::read(&policy, environment)).unwrap();
    let waits = ResendCooldown::new(table.clone(), table.clone(), clock.clone(), &policy.governor);
    let services = MfaServices {
        addresses: Arc::new(AddressService::new(access.clone(), pool.clone(), store.clone(), waits, numbers)),
        devices: Arc::new(DeviceService::new(access.clone(), pool.clone(), table.clone())),
        activity: Arc::new(ActivityService::new(access.clone(), table.clone())),
        factors: Arc::new(PoolFactorService::new(access, store, &policy)),
        custom: Arc::new(custom),
        limits: Arc::new(RateLimiter::new(table.clone(), clock.clone(), HashKey::new(&[7; 32]), &policy)),
        idempotency: Arc::new(IdempotentRequests::new(
            table.clone(),
            clock.clone(),
            Arc::new(SeededEntropy::new(17)),
        )),
    };
    Api { pool, table, clock, queue, router: mfa_api(services) }
}

/// Returns settings in which the client of the sample events is a custom client and e-mail resets passwords.
fn clients(policy: &Policy) -> CustomAuthSettings {
    let policy = policy.custom_auth.clone();
    let clients = AppClients::parse(&format!("custom={CLIENT},native=native-id"), &policy).unwrap();
    CustomAuthSettings {
        policy,
        clients,
        recovery: PasswordRecovery { email: true, sms: false },
        relying_party: None,
    }
}

/// Returns a sample event with another method, path and body. Its sign-in proved a second factor.
fn event(file: &str, method: &str, path: &str, body: Option<&str>) -> Value {
    let file = format!("{}/../../events/apigw-http-v2.{file}.json", env!("CARGO_MANIFEST_DIR"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    event["body"] = json!(body);
    if let Some(claims) = event.pointer_mut("/requestContext/authorizer/jwt/claims")
        && claims["token_use"] == "access"
    {
        claims["mfa_level"] = json!("2");
        claims["mfa_at"] = claims["auth_time"].clone();
    }
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

impl Api {
    /// Calls with headers, and returns the answer's headers too.
    async fn call_with(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, HeaderMap, Value) {
        let body = body.map(|body| body.to_string());
        let mut event = event("access-token", method, path, body.as_deref());
        for (name, value) in headers {
            event["headers"][*name] = json!(value);
        }
        let response = self.send(&event).await;
        let headers = response.headers().clone();
        let (status, body) = read(response).await;
        (status, headers, body)
    }

    async fn tag(&self) -> String {
        let (_, headers, _) = self.call_with(("GET", "/mfa/preference"), &[], None).await;
        headers["etag"].to_str().unwrap().to_owned()
    }

    fn writes(&self) -> usize {
        self.pool.calls().iter().filter(|call| **call == "SetUserMFAPreference").count()
    }
}

async fn read(response: Response<Body>) -> (u16, Value) {
    let status = response.status();
    assert_eq!(response.headers()["cache-control"], "no-store");
    if status == StatusCode::NO_CONTENT {
        return (204, Value::Null);
    }
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
    let (status, body) = api(&[PoolFactor::Totp, PoolFactor::Sms]).call("GET", "/mfa", None).await;
    assert_eq!(status, 200);
    let custom =
        json!({ "authenticators": [], "recoveryCodes": { "left": 0 }, "passkeys": [], "trustedDevices": [] });
    let with_own = |mut native: Value| {
        native.as_object_mut().unwrap().extend(custom.as_object().unwrap().clone());
        native
    };
    let expected = json!({ "enabled": ["SMS", "TOTP"], "preferred": "TOTP", "totp": { "enabled": true, "replacing": false } });
    assert_eq!(body, with_own(expected));
    let (_, body) = api(&[]).call("GET", "/mfa", None).await;
    assert_eq!(
        body,
        with_own(
            json!({ "enabled": [], "preferred": null, "totp": { "enabled": false, "replacing": false } })
        )
    );
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
    let actions: Vec<AuditAction> = api.table.audit().iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        [
            AuditAction::TotpStarted { replace: false },
            AuditAction::TotpVerified,
            AuditAction::PreferenceChanged { factor: PoolFactor::Totp, enabled: true, preferred: true },
        ]
    );
}

#[tokio::test]
async fn an_authenticator_is_removed_only_on_request() {
    let api = api(&[PoolFactor::Totp]);
    for body in [None, Some(json!({})), Some(json!({ "replace": false })), Some(json!({ "replace": null }))] {
        let (status, body) = api.call("POST", "/mfa/totp", body).await;
        assert_eq!((status, body["code"].as_str()), (409, Some("totp-already-set-up")));
    }
    assert!(!api.pool.calls().contains(&"AssociateSoftwareToken"));
    let (status, _) = api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await;
    assert_eq!(status, 200);
    assert_eq!(api.table.audit().last().unwrap().action, AuditAction::TotpStarted { replace: true });
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
    let api = api(&[PoolFactor::Totp, PoolFactor::Sms]);
    assert_eq!(api.call("PUT", "/mfa/preference", Some(request)).await, (200, after.clone()));
    assert_eq!(api.call("GET", "/mfa/preference", None).await, (200, after.clone()));
    assert_eq!(api.pool.calls().iter().filter(|call| **call == "SetUserMFAPreference").count(), writes);
    assert_eq!(api.call("PUT", "/mfa/preference", Some(after.clone())).await.1, {
        // An answer can be sent back: `ENABLED` keeps the preference, so that nothing changes.
        after
    });
}

/// Amplify v5 and v6 use different words.
#[rstest]
#[case::totp("TOTP", json!({ "sms": "ENABLED", "totp": "PREFERRED", "email": "DISABLED" }))]
#[case::sms("SMS", json!({ "sms": "PREFERRED", "totp": "ENABLED", "email": "DISABLED" }))]
#[case::none("NOMFA", json!({ "sms": "DISABLED", "totp": "DISABLED", "email": "DISABLED" }))]
#[tokio::test]
async fn the_words_of_amplify_5(#[case] word: &str, #[case] after: Value) {
    let api = api(&[PoolFactor::Sms, PoolFactor::Totp]);
    assert_eq!(api.call("PUT", "/mfa/preference", Some(json!({ "preferredMFA": word }))).await, (200, after));
    for body in [json!({ "preferredMFA": word, "sms": "ENABLED" }), json!({ "preferredMFA": "EMAIL" })] {
        let (status, problem) = api.call("PUT", "/mfa/preference", Some(body)).await;
        assert_eq!((status, problem["path"].as_str()), (422, Some("$.preferredMFA")));
    }
}

#[tokio::test]
async fn the_later_of_two_tabs_must_read_again() {
    let api = api(&[PoolFactor::Totp, PoolFactor::Sms]);
    let put = async |if_match: &str, body: Value| {
        api.call_with(("PUT", "/mfa/preference"), &[("if-match", if_match)], Some(body)).await
    };
    let seen = api.tag().await;
    let (status, headers, _) = put(&seen, json!({ "sms": "PREFERRED" })).await;
    assert_eq!(status, 200);
    let now = headers["etag"].to_str().unwrap().to_owned();
    assert_eq!((now != seen, api.tag().await), (true, now.clone()));

    let (status, _, problem) = put(&seen, json!({ "totp": "PREFERRED" })).await;
    assert_eq!((status, problem["code"].as_str()), (412, Some("precondition-failed")));
    assert_eq!(api.writes(), 1, "nothing was sent");
    for if_match in ["*", &format!("\"x\", {now}")] {
        assert_eq!(put(if_match, json!({ "email": "DISABLED" })).await.0, 200);
    }
    // Cognito's settings are the same, but our own were changed in between.
    assert_eq!(api.call("POST", "/mfa/recovery-codes", None).await.0, 201);
    assert_eq!(put(&now, json!({ "totp": "PREFERRED" })).await.0, 412);
}

/// Both tabs have read the state, and the tag was valid for both. The write that takes the revision decides.
#[tokio::test]
async fn of_two_tabs_at_the_same_moment_one_is_first() {
    let table = Arc::new(InMemoryTable::default());
    let api = api_with(
        &[PoolFactor::Totp, PoolFactor::Sms],
        table.clone(),
        Arc::new(Contested(table, AtomicU32::new(1))),
    );
    let seen = api.tag().await;
    let body = json!({ "sms": "PREFERRED" });
    let (status, _, problem) =
        api.call_with(("PUT", "/mfa/preference"), &[("if-match", &seen)], Some(body)).await;
    assert_eq!((status, problem["code"].as_str()), (412, Some("precondition-failed")));
    assert_eq!(api.writes(), 0, "nothing was sent");
}

#[tokio::test]
async fn without_the_table_a_preference_is_shown_and_has_no_tag() {
    let api = api(&[PoolFactor::Sms]);
    api.table.fail();
    let (status, headers, _) = api.call_with(("GET", "/mfa/preference"), &[], None).await;
    assert_eq!((status, headers.contains_key("etag")), (200, false));
}

/// The old authenticator is stopped and the new one was never confirmed, while the pool still lists it as on.
#[tokio::test]
async fn an_abandoned_replacement_is_notified_and_shown() {
    let api = api(&[PoolFactor::Totp]);
    assert_eq!(api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await.0, 200);
    assert_eq!(api.notices(), [(Notice::AuthenticatorReplaced, None)]);
    let shown = async || api.call("GET", "/mfa", None).await.1["totp"].clone();
    assert_eq!(shown().await, json!({ "enabled": true, "replacing": true }));
    let code = json!({ "code": InMemoryUserPool::CODE });
    assert_eq!(api.call("POST", "/mfa/totp/verify", Some(code)).await.0, 200);
    assert_eq!(shown().await, json!({ "enabled": true, "replacing": false }));
}

async fn post(api: &Api, path: &str, key: &str, body: Value) -> (u16, Value) {
    let headers = [("idempotency-key", key)];
    let (status, _, body) = api.call_with(("POST", path), &headers, Some(body)).await;
    (status, body)
}

fn started(api: &Api) -> usize {
    api.pool.calls().iter().filter(|call| **call == "AssociateSoftwareToken").count()
}

#[tokio::test]
async fn a_repeated_request_is_done_once_and_shows_no_secret_again() {
    let api = api(&[]);
    let (status, first) = post(&api, "/mfa/totp", "a", json!({})).await;
    assert_eq!((status, first["secret"].is_string()), (200, true));
    let (status, again) = post(&api, "/mfa/totp", "a", json!({})).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("answer-shown-once")));
    assert_eq!(started(&api), 1);
    assert_eq!(post(&api, "/mfa/totp", "b", json!({})).await.0, 200, "another attempt");

    let (status, other) = post(&api, "/mfa/totp", "a", json!({ "replace": false })).await;
    assert_eq!((status, other["code"].as_str()), (422, Some("idempotency-key-reused")));
    for key in ["", "a b", &"x".repeat(129)] {
        let (status, problem) = post(&api, "/mfa/totp", key, json!({})).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("idempotency-key-not-valid")), "{key}");
    }
    assert_eq!(started(&api), 2);

    // A refusal is no result, so the key stays free for the right code. A result without a secret is shown
    // again.
    let verify = async |code: &str| post(&api, "/mfa/totp/verify", "c", json!({ "code": code })).await;
    assert_eq!(verify("000000").await.0, 422);
    for _ in 0..2 {
        let verified = (200, json!({ "status": "VERIFIED" }));
        assert_eq!(verify(InMemoryUserPool::CODE).await, verified, "a code is good once, and asked once");
    }
    api.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(post(&api, "/mfa/recovery-codes", "d", json!({})).await.0, 201);
    let (status, again) = post(&api, "/mfa/recovery-codes", "d", json!({})).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("answer-shown-once")));
}

#[tokio::test]
async fn changes_are_limited_by_the_minute_and_reads_are_not() {
    let api = api(&[]);
    let change = async || api.call_with(("PUT", "/mfa/preference"), &[], Some(json!({}))).await;
    for _ in 0..60 {
        assert_eq!(change().await.0, 200);
    }
    let calls = api.pool.calls().len();
    let (status, headers, problem) = change().await;
    assert_eq!((status, problem["code"].as_str()), (429, Some("too-many-requests")));
    // The sample signed in at second 5 of a minute; a minute has passed since.
    assert_eq!((headers["retry-after"].to_str().unwrap(), problem["retryAfter"].as_u64()), ("55", Some(55)));
    assert_eq!(api.pool.calls().len(), calls, "the pool was not asked");
    assert_eq!(api.call("GET", "/mfa", None).await.0, 200);
    api.clock.advance(SignedDuration::from_secs(55));
    assert_eq!(change().await.0, 200);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let api = api(&[]);
    for path in ["/mfa", "/mfa/nothing", "/openapi.json"] {
        let response = api.send(&event("access-token", "GET", path, None)).await;
        assert_eq!(response.headers()["x-request-id"], "ExampleReqId=", "{path}");
    }
}

#[tokio::test]
async fn preferences_that_cannot_be() {
    let api = api(&[PoolFactor::Sms]);
    let (status, body) =
        api.call("PUT", "/mfa/preference", Some(json!({ "sms": "PREFERRED", "totp": "PREFERRED" }))).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("two-preferred-factors")));
    assert_eq!(api.pool.calls(), [""; 0], "refused before Cognito is asked");
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
    let api = api(&[PoolFactor::Totp]);
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

const AUTHENTICATOR: &str = "/mfa/authenticators/0123456789abcdef0123456789abcdef";
const VERIFY_AUTHENTICATOR: &str = "/mfa/authenticators/0123456789abcdef0123456789abcdef/verify";
const DEVICE: &str = "/mfa/trusted-devices/0123456789abcdef0123456789abcdef";
const PASSKEY: &str = "/mfa/passkeys/0123456789abcdef0123456789abcdef";
/// The key of RFC 7517, A.1.
const DEVICE_BODY: &str = r#"{"name":"Laptop","publicKey":{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","ext":true}}"#;

const ROUTES: [(&str, &str, Option<&str>); 21] = [
    ("GET", "/mfa/authenticators", None),
    ("POST", "/mfa/authenticators", Some("{\"name\":\"Phone\"}")),
    ("POST", VERIFY_AUTHENTICATOR, Some("{\"code\":\"492039\"}")),
    ("PATCH", AUTHENTICATOR, Some("{\"name\":\"Tablet\"}")),
    ("DELETE", AUTHENTICATOR, None),
    ("GET", "/mfa/recovery-codes", None),
    ("POST", "/mfa/recovery-codes", None),
    ("GET", "/mfa/passkeys", None),
    ("POST", "/mfa/passkeys", Some("{\"name\":\"Laptop\"}")),
    ("POST", "/mfa/passkeys/verify", Some("{\"credential\":{}}")),
    ("PATCH", PASSKEY, Some("{\"name\":\"Laptop\"}")),
    ("DELETE", PASSKEY, None),
    ("GET", "/mfa/trusted-devices", None),
    ("POST", "/mfa/trusted-devices", Some(DEVICE_BODY)),
    ("PATCH", DEVICE, Some("{\"name\":\"Desktop\"}")),
    ("DELETE", DEVICE, None),
    ("GET", "/mfa", None),
    ("GET", "/mfa/preference", None),
    ("POST", "/mfa/totp", Some("{\"replace\":true}")),
    ("POST", "/mfa/totp/verify", Some("{\"code\":\"492039\"}")),
    ("PUT", "/mfa/preference", Some("{\"totp\":\"DISABLED\"}")),
];

#[tokio::test]
async fn only_the_users_own_access_token_opens_a_route() {
    for (method, path, body) in ROUTES {
        let api = api(&[PoolFactor::Totp]);
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
async fn a_change_needs_a_fresh_sign_in_and_a_read_does_not() {
    let api = api(&[PoolFactor::Totp]);
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
async fn internal_errors_stay_hidden_and_every_change_is_audited() {
    let api = api(&[]);
    api.table.fail();
    for (method, path, body) in [
        ("POST", "/mfa/totp", json!({})),
        ("PUT", "/mfa/preference", json!({ "sms": "ENABLED" })),
        ("POST", "/mfa/authenticators", json!({ "name": "Phone" })),
        ("POST", "/mfa/recovery-codes", json!({})),
        ("POST", "/mfa/trusted-devices", serde_json::from_str(DEVICE_BODY).unwrap()),
        ("POST", "/mfa/passkeys", json!({ "name": "Laptop" })),
    ] {
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

/// Returns the code that an app shows for a seed, by the library that the core uses. The clients' tests use
/// another library.
fn code(secret: &str, at: Timestamp) -> String {
    let totp = totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap())
        .build()
        .unwrap();
    totp.generate(u64::try_from(at.as_second()).unwrap()).to_string()
}

impl Api {
    fn now(&self) -> Timestamp {
        use mfa_core::kernel::Clock as _;
        self.clock.now()
    }

    /// Starts an authenticator. Returns its id and secret.
    async fn start(&self, name: &str) -> (String, String) {
        let (status, body) = self.call("POST", "/mfa/authenticators", Some(json!({ "name": name }))).await;
        assert_eq!(status, 201, "{body}");
        (body["id"].as_str().unwrap().to_owned(), body["secret"].as_str().unwrap().to_owned())
    }

    async fn verify(&self, id: &str, code: &str) -> (u16, Option<String>) {
        let path = format!("/mfa/authenticators/{id}/verify");
        let (status, body) = self.call("POST", &path, Some(json!({ "code": code }))).await;
        (status, body["code"].as_str().map(str::to_owned))
    }

    /// Sets up an authenticator with a time step after the last used one.
    async fn add(&self, name: &str) -> String {
        let (id, secret) = self.start(name).await;
        self.clock.advance(SignedDuration::from_secs(30));
        assert_eq!(self.verify(&id, &code(&secret, self.now())).await, (200, None));
        id
    }

    fn notices(&self) -> Vec<(Notice, Option<String>)> {
        let notice = |message: OutboundMessage| match message {
            OutboundMessage::Notification(message) => {
                assert!(matches!(message.to.destination, Destination::Email(_)) && message.to.is_verified);
                assert_eq!(message.to.locales, ["de"]);
                (message.notice, message.name)
            }
            other => panic!("{other:?}"),
        };
        self.queue.taken().into_iter().map(notice).collect()
    }

    async fn trust(&self) -> (u16, Value) {
        self.call("POST", "/mfa/trusted-devices", Some(serde_json::from_str(DEVICE_BODY).unwrap())).await
    }

    async fn trusted(&self) -> usize {
        let (_, body) = self.call("GET", "/mfa/trusted-devices", None).await;
        body["trustedDevices"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn several_authenticators_each_with_a_name() {
    let api = api(&[]);
    let (id, secret) = api.start(" Phone ").await;
    assert_eq!(data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap().len(), 20, "160 bits");
    let (_, listed) = api.call("GET", "/mfa/authenticators", None).await;
    let phone = &listed["authenticators"][0];
    assert_eq!(
        (&phone["id"], &phone["name"], &phone["confirmed"], &phone["createdAt"]),
        (&json!(id), &json!("Phone"), &json!(false), &json!("2026-01-02T03:04:05Z"))
    );
    assert!(api.notices().is_empty(), "nothing proves yet");

    let right = code(&secret, api.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert_eq!(api.verify(&id, wrong).await, (422, Some("code-wrong".into())));
    assert_eq!(api.verify(&id, &right).await, (200, None));
    assert_eq!(api.verify(&id, &right).await, (409, Some("authenticator-confirmed".into())));
    let tablet = api.add("Tablet").await;
    let (status, _) =
        api.call("PATCH", &format!("/mfa/authenticators/{tablet}"), Some(json!({ "name": "iPad" }))).await;
    assert_eq!(status, 204);
    let (_, overview) = api.call("GET", "/mfa", None).await;
    let names: Vec<_> = overview["authenticators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["name"], &one["confirmed"]))
        .collect();
    assert_eq!(names, [(&json!("Phone"), &json!(true)), (&json!("iPad"), &json!(true))]);

    let path = format!("/mfa/authenticators/{id}");
    assert_eq!(api.call("DELETE", &path, None).await.0, 204);
    let (status, body) = api.call("DELETE", &path, None).await;
    assert_eq!((status, body["code"].as_str()), (404, Some("factor-not-found")));
    assert_eq!(
        api.notices(),
        [
            (Notice::AuthenticatorAdded, Some("Phone".into())),
            (Notice::AuthenticatorAdded, Some("Tablet".into())),
            (Notice::AuthenticatorRemoved, Some("Phone".into())),
        ]
    );
    let audit: Vec<_> = api.table.audit().iter().map(|entry| entry.action).collect();
    let events = audit.iter().map(|action| match action {
        AuditAction::CustomFactor { event, id: Some(_) } => event.name(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        events.collect::<Vec<_>>(),
        [
            "authenticator-started",
            "authenticator-confirmed",
            "authenticator-started",
            "authenticator-confirmed",
            "authenticator-renamed",
            "authenticator-removed",
        ]
    );
}

#[tokio::test]
async fn a_step_is_good_once_over_all_authenticators() {
    let api = api(&[]);
    let (first, one) = api.start("One").await;
    let (second, two) = api.start("Two").await;
    assert_eq!(api.verify(&first, &code(&one, api.now())).await, (200, None));
    let same_step = code(&two, api.now());
    assert_eq!(api.verify(&second, &same_step).await, (422, Some("code-already-used".into())));
    api.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(api.verify(&second, &same_step).await, (422, Some("code-already-used".into())));
    assert_eq!(api.verify(&second, &code(&two, api.now())).await, (200, None));
}

#[tokio::test]
async fn five_authenticators_at_most_unfinished_ones_make_room() {
    let api = api(&[]);
    let mut started = Vec::new();
    for index in 0..5 {
        started.push(api.start(&format!("App {index}")).await);
    }
    let (status, body) = api.call("POST", "/mfa/authenticators", Some(json!({ "name": "Sixth" }))).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("too-many-authenticators")));
    let (id, secret) = &started[0];
    assert_eq!(api.verify(id, &code(secret, api.now())).await, (200, None));
    // For the API this is a new sign-in: the policy's five minutes are shorter than the set-up.
    api.clock.advance(SignedDuration::from_mins(16));
    let mut event = event("access-token", "POST", "/mfa/authenticators", Some("{\"name\":\"Sixth\"}"));
    let fresh = json!(api.now().as_second().to_string());
    for claim in ["auth_time", "mfa_at"] {
        event["requestContext"]["authorizer"]["jwt"]["claims"][claim] = fresh.clone();
    }
    assert_eq!(read(api.send(&event).await).await.0, 201);
    let (_, listed) = api.call("GET", "/mfa/authenticators", None).await;
    assert_eq!(listed["authenticators"].as_array().unwrap().len(), 2, "the confirmed one and the new one");

    let (id, secret) = &started[1];
    let body = json!({ "code": code(secret, api.now()) }).to_string();
    let path = format!("/mfa/authenticators/{id}/verify");
    let mut late = self::event("access-token", "POST", &path, Some(&body));
    for claim in ["auth_time", "mfa_at"] {
        late["requestContext"]["authorizer"]["jwt"]["claims"][claim] = fresh.clone();
    }
    assert_eq!(read(api.send(&late).await).await.0, 404, "too late to finish");
}

#[tokio::test]
async fn recovery_codes_are_shown_once_and_stored_as_hashes() {
    use mfa_core::factors::custom::RecoveryCode;
    let api = api(&[]);
    assert_eq!(api.call("GET", "/mfa/recovery-codes", None).await, (200, json!({ "left": 0 })));
    let (status, body) = api.call("POST", "/mfa/recovery-codes", None).await;
    assert_eq!(status, 201);
    let codes: Vec<_> = body["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("Example\nalex@example.com\n"), "{text}");
    assert!(codes.iter().all(|code| text.contains(code)));
    assert_eq!(api.call("GET", "/mfa/recovery-codes", None).await, (200, json!({ "left": 10 })));

    let user = UserId::parse(SUB).unwrap();
    let kept = api.table.custom_factors(&user).await.unwrap();
    let hashes: std::collections::BTreeSet<_> = codes
        .iter()
        .map(|code| RecoveryCode::parse(&code.to_lowercase()).unwrap().hash(&HashKey::new(&[7; 32]), &user))
        .collect();
    assert_eq!(kept.recovery, hashes);

    let (_, again) = api.call("POST", "/mfa/recovery-codes", None).await;
    assert_ne!(again["codes"], body["codes"]);
    let replaced = api.table.custom_factors(&user).await.unwrap();
    assert!(replaced.recovery.len() == 10 && replaced.recovery.is_disjoint(&hashes), "earlier ones are gone");
    assert!(replaced.factor_epoch > kept.factor_epoch);
    assert_eq!(api.notices(), [(Notice::RecoveryCodesReplaced, None), (Notice::RecoveryCodesReplaced, None)]);
}

#[tokio::test]
async fn a_device_is_trusted_renamed_and_removed() {
    let api = api(&[]);
    let (status, device) = api.trust().await;
    assert_eq!(
        (status, &device["name"], &device["expiresAt"]),
        (201, &json!("Laptop"), &json!("2026-02-01T03:04:05Z"))
    );
    let (status, again) = api.trust().await;
    assert_eq!((status, again["code"].as_str()), (409, Some("device-already-trusted")));
    assert_eq!(api.trusted().await, 1);
    let path = format!("/mfa/trusted-devices/{}", device["id"].as_str().unwrap());
    assert_eq!(api.call("PATCH", &path, Some(json!({ "name": "Desktop" }))).await.0, 204);
    assert_eq!(api.call("GET", "/mfa/trusted-devices", None).await.1["trustedDevices"][0]["name"], "Desktop");
    assert_eq!(api.call("DELETE", &path, None).await.0, 204);
    assert_eq!(api.call("DELETE", &path, None).await.0, 404);
    assert_eq!(
        api.notices(),
        [
            (Notice::TrustedDeviceAdded, Some("Laptop".into())),
            (Notice::TrustedDeviceRemoved, Some("Desktop".into())),
        ]
    );
}

/// Returns every change, with a valid body.
fn changes() -> Vec<(&'static str, &'static str, Value)> {
    let id = "0".repeat(32).leak();
    let path = |rest: &str| -> &'static str { format!("/mfa/{rest}").leak() };
    vec![
        ("POST", "/mfa/totp", json!({})),
        ("POST", "/mfa/totp/verify", json!({ "code": "123456" })),
        ("PUT", "/mfa/preference", json!({ "sms": "ENABLED" })),
        ("PUT", "/mfa/message-codes", json!({ "email": "on" })),
        ("POST", "/mfa/authenticators", json!({ "name": "Phone" })),
        ("POST", path(&format!("authenticators/{id}/verify")), json!({ "code": "123456" })),
        ("PATCH", path(&format!("authenticators/{id}")), json!({ "name": "Phone" })),
        ("DELETE", path(&format!("authenticators/{id}")), Value::Null),
        ("POST", "/mfa/recovery-codes", json!({})),
        ("POST", "/mfa/trusted-devices", serde_json::from_str(DEVICE_BODY).unwrap()),
        ("POST", path("passkeys"), json!({ "name": "Laptop" })),
        ("POST", path("passkeys/verify"), json!({ "credential": {} })),
        ("PATCH", path(&format!("passkeys/{id}")), json!({ "name": "Laptop" })),
        ("DELETE", path(&format!("passkeys/{id}")), Value::Null),
        ("PATCH", path(&format!("trusted-devices/{id}")), json!({ "name": "Laptop" })),
        ("DELETE", path(&format!("trusted-devices/{id}")), Value::Null),
        ("POST", "/mfa/email", json!({ "email": "new@example.com" })),
        ("POST", "/mfa/email/code", json!({})),
        ("POST", "/mfa/email/verify", json!({ "code": "123456" })),
        ("POST", "/mfa/phone-number", json!({ "phoneNumber": "+12025550123" })),
        ("POST", "/mfa/phone-number/code", json!({})),
        ("POST", "/mfa/phone-number/verify", json!({ "code": "123456" })),
        ("POST", "/mfa/remembered-devices/forget-others", json!({})),
    ]
}

impl Api {
    /// Calls with other claims. Returns status and code.
    async fn call_as(&self, (method, path, body): &(&str, &str, Value), claims: &Value) -> (u16, String) {
        let body = (!body.is_null()).then(|| body.to_string());
        let mut event = event("access-token", method, path, body.as_deref());
        let all = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap();
        all.remove("mfa_level");
        all.remove("mfa_at");
        all.extend(claims.as_object().unwrap().clone());
        let (status, body) = read(self.send(&event).await).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// For a user with a factor, a change needs a second factor in this very sign-in, five minutes old at most.
#[tokio::test]
async fn no_factor_changes_without_this_sign_ins_second_factor() {
    let at = |seconds: i64| json!((SIGNED_IN_AT.as_second() + seconds).to_string());
    let mut refused = 0;
    for change in changes() {
        let api = api(&[PoolFactor::Totp]);
        for (claims, code) in [
            (json!({}), "second-factor-required"),
            (json!({ "mfa_level": "1" }), "second-factor-required"),
            (json!({ "mfa_level": "2" }), "second-factor-required"),
            (json!({ "mfa_at": at(0) }), "second-factor-required"),
            (json!({ "mfa_level": "2", "mfa_at": "x" }), "second-factor-required"),
            (json!({ "mfa_level": "2", "mfa_at": at(-241) }), "reauthentication-required"),
            (
                json!({ "mfa_level": "2", "mfa_at": at(0), "auth_time": at(-241) }),
                "reauthentication-required",
            ),
        ] {
            let (status, found) = api.call_as(&change, &claims).await;
            assert_eq!((status, found.as_str()), (401, code), "{} {} {claims}", change.0, change.1);
            refused += 1;
        }
        assert!(api.table.audit().is_empty() && api.queue.taken().is_empty(), "{}", change.1);
        let proven = json!({ "mfa_level": "2", "mfa_at": at(0) });
        assert_ne!(api.call_as(&change, &proven).await.0, 401, "{} {}", change.0, change.1);
    }
    println!("{refused} changes refused");
    assert_eq!(refused, 7 * 23);
}

/// A sign-in at another time or at another client is no evidence for a token without claims.
#[tokio::test]
async fn a_token_without_claims_goes_by_the_record_of_its_own_sign_in() {
    let api = api(&[PoolFactor::Totp]);
    let user = UserId::parse(SUB).unwrap();
    let change = ("POST", "/mfa/recovery-codes", json!({}));
    let record = async |seconds: i64, client: &str, level| {
        let at = SIGNED_IN_AT + SignedDuration::from_secs(seconds);
        let evidence = Evidence { level, second_factor_at: (level > 1).then_some(at) };
        let sign_in = RecordedSignIn { at, client: client.to_owned(), evidence };
        api.table.record(&user, &sign_in).await.unwrap();
    };
    let refused = (401, "second-factor-required".to_owned());
    record(-61, CLIENT, 2).await;
    record(0, "other-client", 2).await;
    assert_eq!(api.call_as(&change, &json!({})).await, refused);
    record(1, CLIENT, 2).await;
    assert_eq!(api.call_as(&change, &json!({})).await.0, 201);
    record(20, CLIENT, 1).await;
    assert_eq!(api.call_as(&change, &json!({})).await, refused, "which of the two it is of can't be told");
}

/// A user who never had a factor may set up a pool factor at any client, and a named authenticator at a
/// custom client. Recovery codes and trusted devices are refused.
#[tokio::test]
async fn a_first_factor_is_set_up_by_its_rules() {
    let password = json!({ "mfa_level": "1" });
    let natively = json!({ "mfa_level": "1", "client_id": "native-id" });
    let changes = changes();
    let of = |path: &str| changes.iter().find(|(_, found, _)| *found == path).unwrap();
    let call = async |path: &str, claims: &Value| api(&[]).call_as(of(path), claims).await;
    assert_eq!(call("/mfa/authenticators", &password).await.0, 201);
    assert_eq!(call("/mfa/authenticators", &natively).await, (403, "enrolment-closed".into()));
    assert_eq!(call("/mfa/totp", &natively).await.0, 200);
    for claims in [&password, &natively] {
        for path in ["/mfa/recovery-codes", "/mfa/trusted-devices", "/mfa/message-codes", "/mfa/passkeys"] {
            assert_eq!(call(path, claims).await, (401, "second-factor-required".into()), "{path}");
        }
    }
    let unknown = json!({ "mfa_level": "1", "client_id": "unlisted" });
    assert_eq!(call("/mfa/totp", &unknown).await, (403, "enrolment-closed".into()));
}

#[rstest]
#[case::authenticator_added(&[], "authenticator")]
#[case::codes_replaced(&[], "codes")]
#[case::preference(&[PoolFactor::Totp, PoolFactor::Sms], "preference")]
#[case::native_replaced(&[PoolFactor::Totp], "replace")]
#[tokio::test]
async fn a_change_of_factors_ends_the_trust(#[case] factors: &[PoolFactor], #[case] change: &str) {
    let api = api(factors);
    assert_eq!(api.trust().await.0, 201);
    let (id, _) = api.start("Phone").await;
    assert_eq!(api.trusted().await, 1, "what proves nothing changes nothing");
    assert_eq!(api.call("DELETE", &format!("/mfa/authenticators/{id}"), None).await.0, 204);
    assert_eq!(api.trusted().await, 1);
    match change {
        "authenticator" => drop(api.add("Phone").await),
        "codes" => assert_eq!(api.call("POST", "/mfa/recovery-codes", None).await.0, 201),
        "preference" => {
            let body = json!({ "sms": "DISABLED" });
            assert_eq!(api.call("PUT", "/mfa/preference", Some(body)).await.0, 200);
        }
        _ => assert_eq!(api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await.0, 200),
    }
    assert_eq!(api.trusted().await, 0);
}

#[tokio::test]
async fn replacing_the_pool_authenticator_notifies_first() {
    let api = api(&[PoolFactor::Totp]);
    api.queue.fail();
    let (status, _) = api.call("POST", "/mfa/totp", Some(json!({ "replace": true }))).await;
    assert_eq!(status, 503);
    assert!(!api.pool.calls().contains(&"AssociateSoftwareToken"), "untold, the old one is not stopped");
    // A completed change is not undone if its notice fails.
    assert_eq!(api.call("POST", "/mfa/recovery-codes", None).await.0, 201);
}

#[rstest]
#[case::no_name("POST", "/mfa/authenticators", json!({}), 422, "$.name")]
#[case::empty_name("POST", "/mfa/authenticators", json!({ "name": " " }), 422, "$.name")]
#[case::misspelt("POST", "/mfa/authenticators", json!({ "name": "a", "nmae": "b" }), 422, "$.nmae")]
#[case::no_code("POST", VERIFY_AUTHENTICATOR, json!({}), 422, "$.code")]
#[case::short_code("POST", VERIFY_AUTHENTICATOR, json!({ "code": "12345" }), 422, "$.code")]
#[case::unknown("POST", VERIFY_AUTHENTICATOR, json!({ "code": "123456" }), 404, "")]
#[case::no_id("POST", "/mfa/authenticators/1/verify", json!({ "code": "123456" }), 404, "")]
#[case::no_text("PATCH", "/mfa/authenticators/%FF", json!({ "name": "a" }), 404, "")]
#[case::unknown_device("PATCH", DEVICE, json!({ "name": "a" }), 404, "")]
#[case::codes_with_body("POST", "/mfa/recovery-codes", json!({ "count": 3 }), 422, "$.count")]
#[case::no_key("POST", "/mfa/trusted-devices", json!({ "name": "a" }), 422, "$.publicKey")]
#[case::no_spki("POST", "/mfa/trusted-devices", json!({ "name": "a", "publicKey": "AAAA" }), 422, "$.publicKey")]
#[case::rsa("POST", "/mfa/trusted-devices", json!({ "name": "a", "publicKey": { "kty": "RSA", "n": "AQ", "e": "AQAB" } }), 422, "$.publicKey")]
#[tokio::test]
async fn bad_input_for_own_factors(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: u16,
    #[case] member: &str,
) {
    let api = api(&[]);
    let (answered, problem) = api.call(method, path, Some(body)).await;
    assert_eq!((answered, problem["path"].as_str().unwrap_or_default()), (status, member), "{problem}");
    assert!(api.table.audit().is_empty() && api.queue.taken().is_empty(), "nothing changed");
}

/// The API refuses a private key that was sent by mistake.
#[tokio::test]
async fn a_private_key_is_refused() {
    let api = api(&[]);
    let mut body: Value = serde_json::from_str(DEVICE_BODY).unwrap();
    body["publicKey"]["d"] = json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    let (status, problem) = api.call("POST", "/mfa/trusted-devices", Some(body)).await;
    assert_eq!((status, problem["path"].as_str()), (422, Some("$.publicKey")));
}

/// A table in which another writer is faster for the next writes.
#[derive(Debug)]
struct Contested(Arc<InMemoryTable>, AtomicU32);

#[async_trait]
impl CustomFactorStore for Contested {
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError> {
        self.0.custom_factors(user).await
    }

    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError> {
        let is_lost = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if is_lost.is_ok() {
            self.0.revoke_devices(user).await?;
        }
        self.0.change(user, seen, change).await
    }

    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError> {
        self.0.revoke_devices(user).await
    }

    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.0.mark_pool_totp_replaced(user, at).await
    }

    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError> {
        self.0.mark_pool_totp_active(user).await
    }

    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError> {
        self.0.note_pool_factor(user, note).await
    }

    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError> {
        self.0.forgive_failures(user).await
    }
}

#[rstest]
#[case::three_times(3, 201)]
#[case::again_and_again(4, 409)]
#[tokio::test]
async fn an_overtaken_change_reads_again(#[case] times: u32, #[case] expected: u16) {
    let table = Arc::new(InMemoryTable::default());
    let api = api_with(&[], table.clone(), Arc::new(Contested(table, AtomicU32::new(times))));
    let (status, body) = api.call("POST", "/mfa/authenticators", Some(json!({ "name": "Phone" }))).await;
    assert_eq!(status, expected);
    if status == 409 {
        assert_eq!(body["code"], "factors-changed-meanwhile");
    }
    assert_eq!(api.table.audit().len(), 1, "one line, however often it was tried");
}

#[rstest]
#[case::email("/mfa/email", json!({ "email": "new@example.com" }), &["UpdateUserAttributes"])]
#[case::phone("/mfa/phone-number", json!({ "phoneNumber": "+12025550123" }), &["UpdateUserAttributes", "GetUserAttributeVerificationCode"])]
#[tokio::test]
async fn an_address_change_notifies_the_old_one_first(
    #[case] path: &str,
    #[case] body: Value,
    #[case] calls: &[&str],
) {
    let api = api(&[]);
    let verify = async |code: &str| {
        let body = json!({ "code": code });
        api.call("POST", &format!("{path}/verify"), Some(body)).await
    };
    assert_eq!(verify(InMemoryUserPool::CODE).await.1["code"], "code-expired", "nothing waits for a code");
    let before = api.pool.calls().len();
    assert_eq!(api.call("POST", path, Some(body)).await, (200, json!({ "status": "CODE_SENT" })));
    assert_eq!(api.pool.calls()[before..], [&["GetUser"], calls].concat());
    let Some(OutboundMessage::Notification(told)) = api.queue.taken().first().cloned() else {
        panic!("nothing was told")
    };
    assert_eq!(told.notice, Notice::AddressChanged);
    assert_eq!(told.to.destination, Destination::Email(EmailAddress::parse("alex@example.com").unwrap()));

    // The code is on its way. Another one would invalidate it at Cognito.
    let before = api.pool.calls().len();
    let again = format!("{path}/code");
    let (status, headers, problem) = api.call_with(("POST", &again), &[], None).await;
    assert_eq!((status, problem["code"].as_str()), (429, Some("too-many-requests")));
    assert_eq!(headers["retry-after"], "60");
    assert_eq!(api.pool.calls()[before..], ["GetUser"], "the first one stays good");
    api.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(api.call("POST", &format!("{path}/code"), None).await.0, 200);
    assert_eq!(verify("000000").await.1["code"], "code-wrong");
    assert_eq!(verify(InMemoryUserPool::CODE).await, (200, json!({ "status": "VERIFIED" })));
    assert_eq!(api.notices().len(), 2);
    api.clock.advance(SignedDuration::from_mins(5));
    let (status, problem) = api.call("POST", &format!("{path}/code"), None).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("reauthentication-required")));
}

/// Otherwise Cognito would change the address and report a code, and the user would never get one.
#[rstest]
#[case::land_line("phoneNumber", "+493012345678")]
#[case::land_line_of_argentina("phoneNumber", "+541123450078")]
#[case::national_prefix("phoneNumber", "+4407400123456")]
#[case::satellite("phoneNumber", "+881612345678")]
#[case::freephone("phoneNumber", "+448001111111")]
#[case::premium_rate("phoneNumber", "+4990012345678")]
#[case::too_short("phoneNumber", "+49151234567")]
#[case::letters_outside_ascii("email", "müller@example.com")]
#[tokio::test]
async fn an_address_that_gets_no_codes_is_refused_before_the_change(
    #[case] field: &str,
    #[case] address: &str,
) {
    let api = api(&[]);
    let before = api.pool.calls().len();
    let (path, code) = match field {
        "email" => ("/mfa/email", "email-not-valid"),
        _ => ("/mfa/phone-number", "phone-number-not-usable"),
    };
    let (status, problem) = api.call("POST", path, Some(json!({ field: address }))).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some(code)));
    assert_eq!(api.pool.calls()[before..], ["GetUser"]);
    assert!(api.queue.taken().is_empty() && api.table.audit().is_empty());
}

/// The governor's count of the user's codes counts here too, and its waits double.
#[tokio::test]
async fn a_code_to_an_address_waits_as_long_as_the_governor_does() {
    let api = api(&[]);
    let user = UserId::parse(SUB).unwrap();
    let sent = LastSend { at: api.now() - SignedDuration::from_secs(50), streak: 4, delivery: None };
    let after = SendHistory { version: 1, authenticated: Some(sent), ..SendHistory::default() };
    let before = SendHistory::default();
    assert!(api.table.swap_history(&user, Channel::Email, &before, &after).await.unwrap());
    let (_, headers, _) = api.call_with(("POST", "/mfa/email/code"), &[], None).await;
    assert_eq!(headers["retry-after"], "70", "of 120 s");
    let body = json!({ "email": "new@example.com" });
    assert_eq!(api.call("POST", "/mfa/email", Some(body.clone())).await.0, 429);
    assert!(api.queue.taken().is_empty(), "nothing is changed, nobody is told");
    let phone = json!({ "phoneNumber": "+12025550123" });
    assert_eq!(api.call("POST", "/mfa/phone-number", Some(phone)).await.0, 200, "another channel");
    api.clock.advance(SignedDuration::from_secs(70));
    assert_eq!(api.call("POST", "/mfa/email", Some(body.clone())).await.0, 200);
    // The sender notes the code like this. A code that was entered causes no further wait.
    let before = api.table.history(&user, Channel::Email).await.unwrap();
    let sent = LastSend { at: api.now(), streak: 5, delivery: None };
    let after = SendHistory { version: before.version + 1, authenticated: Some(sent), ..before.clone() };
    assert!(api.table.swap_history(&user, Channel::Email, &before, &after).await.unwrap());
    let code = json!({ "code": InMemoryUserPool::CODE });
    assert_eq!(api.call("POST", "/mfa/email", Some(body.clone())).await.0, 429);
    assert_eq!(
        api.call("POST", "/mfa/phone-number/verify", Some(code.clone())).await.1["code"],
        "code-expired"
    );
    assert_eq!(api.call("POST", "/mfa/email/verify", Some(code)).await.0, 200);
    assert_eq!(api.call("POST", "/mfa/email", Some(body)).await.0, 200);
}

#[tokio::test]
async fn of_racing_code_requests_one_is_sent() {
    let api = api(&[]);
    let (status, problem) = api.call("POST", "/mfa/email/code", None).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("address-not-set")));
    let body = json!({ "email": "new@example.com" });
    let asked = (0..8).map(|_| api.call("POST", "/mfa/email", Some(body.clone())));
    let statuses: Vec<_> =
        futures::future::join_all(asked).await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    let changes = api.pool.calls().iter().filter(|call| **call == "UpdateUserAttributes").count();
    assert_eq!(changes, 1);
}

#[tokio::test]
async fn an_address_is_unchanged_if_its_notice_fails() {
    let api = api(&[]);
    api.queue.fail();
    let body = json!({ "email": "new@example.com" });
    assert_eq!(api.call("POST", "/mfa/email", Some(body)).await.0, 503);
    assert!(!api.pool.calls().contains(&"UpdateUserAttributes"));
    let same = json!({ "email": "alex@example.com" });
    let (status, problem) = api.call("POST", "/mfa/email", Some(same)).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("address-verified")));
}

const THIS: &str = "us-east-1_a1b2c3d4-5678-40ab-9cde-f01234567890";

fn device(id: &str, last_used: i64) -> PoolDevice {
    PoolDevice {
        id: DeviceId::parse(id).unwrap(),
        name: Some("Mozilla/5.0".into()),
        is_remembered: true,
        created_at: Timestamp::from_second(10).unwrap(),
        last_used_at: Timestamp::from_second(last_used).unwrap(),
    }
}

#[tokio::test]
async fn devices_that_the_pool_remembers_have_names_and_are_forgotten() {
    let api = api(&[]);
    let others = ['1', '2', '3'].map(|digit| THIS.replace("7890", &format!("789{digit}")));
    for (number, id) in others.iter().enumerate() {
        api.pool.add_device(device(id, 20 + i64::try_from(number).unwrap()));
    }
    api.pool.add_device(device(THIS, 15));
    let path = |id: &str| format!("/mfa/remembered-devices/{id}");
    let [first, second, third] = &others;
    let body = json!({ "name": "Desk", "remembered": false });
    assert_eq!(api.call("PATCH", &path(first), Some(body)).await.0, 204);
    assert_eq!(api.call("DELETE", &path(second), None).await.0, 204);
    for id in [second.as_str(), "nothing"] {
        let (status, problem) = api.call("DELETE", &path(id), None).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("factor-not-found")));
    }

    let mut event = event("access-token", "GET", "/mfa/remembered-devices", None);
    event["requestContext"]["authorizer"]["jwt"]["claims"]["device_key"] = json!(THIS);
    let (_, body) = read(api.send(&event).await).await;
    let seen =
        |device: &Value| ["id", "name", "remembered", "thisDevice"].map(|member| device[member].clone());
    let listed: Vec<_> = body["rememberedDevices"].as_array().unwrap().iter().map(seen).collect();
    assert_eq!(
        listed,
        [
            [json!(third), json!("Mozilla/5.0"), json!(true), json!(false)],
            [json!(first), json!("Desk"), json!(false), json!(false)],
            [json!(THIS), json!("Mozilla/5.0"), json!(true), json!(true)],
        ]
    );

    event["rawPath"] = json!("/mfa/remembered-devices/forget-others");
    event["requestContext"]["http"]["method"] = json!("POST");
    event["requestContext"]["http"]["path"] = event["rawPath"].clone();
    assert_eq!(read(api.send(&event).await).await, (200, json!({ "forgotten": 2 })));
    assert_eq!(read(api.send(&event).await).await, (200, json!({ "forgotten": 0 })));
    let notices: Vec<_> = api.notices().into_iter().map(|(notice, _)| notice).collect();
    assert_eq!(notices, [Notice::TrustedDeviceRemoved; 3], "no notice for a name");
}

#[tokio::test]
async fn activity_is_read_page_by_page() {
    let api = api(&[]);
    for _ in 0..3 {
        assert_eq!(api.call("POST", "/mfa/totp", None).await.0, 200);
        api.clock.advance(SignedDuration::from_secs(1));
    }
    let page = async |query: &str| {
        let mut event = event("access-token", "GET", "/mfa/activity", None);
        event["rawQueryString"] = json!(query);
        read(api.send(&event).await).await
    };
    let (_, first) = page("limit=2").await;
    let (_, second) = page(&format!("limit=2&before={}", first["next"].as_str().unwrap())).await;
    let lines = |page: &Value| page["lines"].as_array().unwrap().len();
    assert_eq!((lines(&first), lines(&second), &second["next"]), (2, 1, &Value::Null));
    assert_eq!(first["lines"][0]["action"], "totp-started");
    for query in ["limit=0", "limit=101", "limit=x", "before=1"] {
        let (status, problem) = page(query).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("query-not-valid")), "{query}");
    }
}

/// Returns every operation of the OpenAPI document: method, path, a valid body.
fn operations() -> Vec<(String, String, Option<Value>)> {
    let file = format!("{}/../../infra/openapi.json", env!("CARGO_MANIFEST_DIR"));
    let document: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([]) {
                continue;
            }
            let has_body = operation.get("requestBody").is_some();
            let id = if path.contains("remembered") { THIS.to_owned() } else { "0".repeat(32) };
            operations.push((
                method.to_uppercase(),
                path.replace("{id}", &id),
                has_body.then(|| body_of(path)),
            ));
        }
    }
    operations
}

fn body_of(path: &str) -> Value {
    match path {
        "/mfa/trusted-devices" => serde_json::from_str(DEVICE_BODY).unwrap(),
        "/mfa/passkeys/verify" => json!({ "credential": {} }),
        "/mfa/authenticators"
        | "/mfa/authenticators/{id}"
        | "/mfa/passkeys"
        | "/mfa/passkeys/{id}"
        | "/mfa/trusted-devices/{id}" => {
            json!({ "name": "Phone" })
        }
        "/mfa/email" => json!({ "email": "new@example.com" }),
        "/mfa/phone-number" => json!({ "phoneNumber": "+12025550123" }),
        "/mfa/preference" => json!({ "totp": "PREFERRED" }),
        "/mfa/remembered-devices/{id}" => json!({ "name": "Desk", "remembered": false }),
        path if path.ends_with("/verify") => json!({ "code": InMemoryUserPool::CODE }),
        _ => json!({}),
    }
}

type Spoil = Box<dyn Fn(&mut Value)>;

/// The function checks each token itself, even if the gateway's authorizer let it pass or did not check it.
#[tokio::test]
async fn every_route_requires_the_users_access_token() {
    let claim = |name: &'static str, value: &'static str| {
        move |event: &mut Value| event["requestContext"]["authorizer"]["jwt"]["claims"][name] = json!(value)
    };
    let spoilt: [(&str, Spoil); 6] = [
        ("an ID token", Box::new(claim("token_use", "id"))),
        ("no scope", Box::new(claim("scope", ""))),
        ("another scope", Box::new(claim("scope", "openid aws.cognito.signin.user.administrator"))),
        ("another user", Box::new(claim("sub", "b1b2c3d4-5678-40ab-9cde-f0123456789a"))),
        (
            "no authorizer",
            Box::new(|event| drop(event["requestContext"].as_object_mut().unwrap().remove("authorizer"))),
        ),
        (
            "no token",
            Box::new(|event| drop(event["headers"].as_object_mut().unwrap().remove("authorization"))),
        ),
    ];
    let operations = operations();
    let mut refused = 0;
    for (name, spoil) in &spoilt {
        for (method, path, body) in &operations {
            let api = api(&[PoolFactor::Totp]);
            api.pool.add_device(device(THIS, 15));
            let body = body.as_ref().map(Value::to_string);
            let mut event = event("access-token", method, path, body.as_deref());
            spoil(&mut event);
            let (status, _) = read(api.send(&event).await).await;
            // A token of another user reads that user's own data, and the gateway has checked the name.
            if *name == "another user" && method == "GET" {
                continue;
            }
            assert_eq!(status, 401, "{name}: {method} {path}");
            assert_eq!(api.table.audit(), [], "{name}: {method} {path}");
            refused += 1;
        }
    }
    for (method, path, body) in operations.iter().filter(|(method, ..)| method != "GET") {
        let api = api(&[PoolFactor::Totp]);
        api.pool.revoke();
        let (status, _) = api.call(method, path, body.clone()).await;
        assert_eq!(status, 401, "revoked: {method} {path}");
        refused += 1;
    }
    println!("matrix: {} routes, {} tokens, {refused} refused", operations.len(), spoilt.len() + 1);
}

/// `UserResourceUpdate` is 25 calls a second for a whole account (cognito.md §9), so each call counts.
#[tokio::test]
async fn calls_of_cognito_by_route() {
    let mut table = Vec::new();
    let mut enrolment = 0;
    for (method, path, body) in operations() {
        let api = api(&[]);
        api.pool.add_device(device(THIS, 15));
        if path == "/mfa/totp/verify" || path == "/mfa/preference" {
            assert_eq!(api.call("POST", "/mfa/totp", None).await.0, 200);
        }
        if path == "/mfa/preference" {
            let code = json!({ "code": InMemoryUserPool::CODE });
            assert_eq!(api.call("POST", "/mfa/totp/verify", Some(code)).await.0, 200);
        }
        if let Some(address) = path.strip_suffix("/verify").or_else(|| path.strip_suffix("/code"))
            && ["/mfa/email", "/mfa/phone-number"].contains(&address)
        {
            assert_eq!(api.call("POST", address, Some(body_of(address))).await.0, 200);
        }
        let before = api.pool.calls().len();
        let (status, _) = api.call(&method, &path, body).await;
        let calls = api.pool.calls().split_off(before);
        if ["/mfa/totp", "/mfa/totp/verify", "/mfa/preference"].contains(&path.as_str()) && method != "GET" {
            // Looking at the user and ending remembered devices are not counted here.
            let others = ["GetUser", "ListDevices", "ForgetDevice"];
            enrolment += calls.iter().filter(|call| !others.contains(*call)).count();
        }
        table.push(format!("{status} {method} {path}: {}", calls.join(", ")));
    }
    println!("{}", table.join("\n"));
    assert_eq!(enrolment, 3, "updates of an enrolment: secret, code, preference");
    insta::assert_snapshot!(table.join("\n"));
}

#[tokio::test]
async fn a_passkey_is_registered_named_and_removed() {
    let api = api(&[]);
    let device = SoftwareAuthenticator::new(1);
    let said = |options: &Value| Said::to(options, "webauthn.create", None);
    let verify = async |said: &Said| {
        let body = json!({ "credential": device.register(said) });
        api.call("POST", "/mfa/passkeys/verify", Some(body)).await
    };
    let start = async || {
        let (status, body) = api.call("POST", "/mfa/passkeys", Some(json!({ "name": "Laptop" }))).await;
        assert_eq!(status, 201);
        body["publicKey"].clone()
    };
    let unasked = Said::to(&json!({ "challenge": "AAAAAAAAAAAAAAAAAAAAAA" }), "webauthn.create", None);
    assert_eq!(verify(&unasked).await.0, 404, "no registration has begun");
    let options = start().await;
    assert_eq!(options["user"]["name"], "alex@example.com");
    let unverified = Said { flags: 1, ..said(&options) };
    let (status, problem) = verify(&unverified).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("passkey-not-valid")));
    let earlier = said(&options);
    let options = start().await;
    assert_eq!(verify(&earlier).await.0, 422, "another registration has begun");
    let (status, added) = verify(&said(&options)).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(verify(&said(&options)).await.0, 404, "a registration is used once");
    let (_, listed) = api.call("GET", "/mfa/passkeys", None).await;
    assert_eq!(listed["passkeys"][0]["id"], added["id"]);

    let options = start().await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(verify(&said(&options)).await.0, 422, "the same authenticator");

    let path = format!("/mfa/passkeys/{}", added["id"].as_str().unwrap());
    assert_eq!(api.call("PATCH", &path, Some(json!({ "name": "Desk" }))).await.0, 204);
    assert_eq!(api.call("GET", "/mfa", None).await.1["passkeys"][0]["name"], "Desk");
    assert_eq!(api.call("DELETE", &path, None).await.0, 204);
    assert_eq!(api.call("DELETE", &path, None).await.0, 404);
    assert_eq!(api.call("GET", "/mfa/passkeys", None).await.1["passkeys"], json!([]));
    let notices: Vec<_> = api.notices().into_iter().map(|(notice, _)| notice).collect();
    assert_eq!(notices, [Notice::FactorsChanged; 2], "added and removed");
}
