//! The admin API's router on in-memory ports, called with API Gateway's own events.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{collections::BTreeSet, sync::Arc};

use axum::body::Body;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    admin::{AdminPorts, AdminService},
    assurance::{Evidence, RecordedSignIn, SignInRecords},
    audit::{AdminEvent, AuditAction, AuditEntry, AuditTrail},
    config::{Policy, load},
    delivery::{Notice, OutboundMessage, toll_fraud::NumberRules},
    factors::custom::{Change, CustomFactorStore, RecoveryHash},
    http::admin_api,
    kernel::{PoolFactor, PortError, UserId},
    recovery::PoolMfa,
};
use mfa_testkit::{
    InMemoryAccounts, InMemoryMessageQueue, InMemoryTable, InMemoryUserPool, ManualClock, SeededEntropy,
};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

const ADMIN: &str = "sub-alex";
/// The `client_id` of the sample events.
const CLIENT: &str = "1example23456789exampleab";
/// The `auth_time` of the sample events.
const SIGNED_IN_AT: Timestamp = Timestamp::constant(1_767_322_985, 0);
const LOOKS: [&str; 2] = ["find", "audit"];
const CHANGES: [(&str, &str); 6] = [
    ("POST", "mfa-reset"),
    ("PUT", "preference"),
    ("PUT", "phone-number"),
    ("POST", "unlock"),
    ("POST", "forget-devices"),
    ("POST", "erase"),
];

struct Api {
    accounts: Arc<InMemoryAccounts>,
    table: Arc<InMemoryTable>,
    queue: Arc<InMemoryMessageQueue>,
    clock: Arc<ManualClock>,
    pool: Arc<InMemoryUserPool>,
    router: axum::Router,
}

/// Returns an API whose administrator Alex has these factors. Sam has an authenticator app.
fn api(factors: &[PoolFactor]) -> Api {
    api_with(factors, "")
}

fn api_with(factors: &[PoolFactor], more_policy: &str) -> Api {
    api_on(factors, more_policy, None)
}

/// An audit trail that accepts no line.
#[derive(Debug)]
struct NoTrail;

#[async_trait::async_trait]
impl AuditTrail for NoTrail {
    async fn append(&self, _: &AuditEntry) -> Result<(), PortError> {
        Err(PortError::new("audit.append", "it is full"))
    }
}

fn api_on(factors: &[PoolFactor], more_policy: &str, trail: Option<Arc<dyn AuditTrail>>) -> Api {
    let accounts = Arc::new(InMemoryAccounts::default());
    accounts.add("alex", "x", factors);
    accounts.add("sam", "x", &[PoolFactor::Totp]);
    accounts.add("kim", "x", &[PoolFactor::Totp]);
    for name in ["alex", "kim"] {
        accounts.change(name, |user| user.groups = BTreeSet::from(["helpers".to_owned()]));
    }
    let pool = Arc::new(InMemoryUserPool::new(UserId::parse(ADMIN).unwrap()).with_factors(factors));
    let (table, queue) = (Arc::new(InMemoryTable::default()), Arc::new(InMemoryMessageQueue::default()));
    let clock = Arc::new(ManualClock::at(SIGNED_IN_AT + SignedDuration::from_mins(1)));
    let ports = AdminPorts {
        pool: pool.clone(),
        accounts: accounts.clone(),
        custom: table.clone(),
        sign_ins: table.clone(),
        ledger: table.clone(),
        items: table.clone(),
        audit: trail.unwrap_or_else(|| table.clone()),
        calls: table.clone(),
        queue: queue.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(5)),
    };
    let policy = format!("[admin]\ngroups = ['helpers']\n{more_policy}");
    let policy = Policy::read(Some(&policy)).unwrap();
    let numbers = load(&|_| None, |environment| NumberRules::read(&policy, environment)).unwrap();
    record(&table, SIGNED_IN_AT, !factors.is_empty());
    let admin = AdminService::new(policy.admin, numbers, ports);
    Api { accounts, table, queue, clock, pool, router: admin_api(Arc::new(admin)) }
}

/// Records a completed sign-in of the administrator.
fn record(table: &InMemoryTable, at: Timestamp, has_second_factor: bool) {
    let evidence = Evidence {
        level: if has_second_factor { 2 } else { 1 },
        second_factor_at: has_second_factor.then_some(at),
    };
    let sign_in = RecordedSignIn { at, client: CLIENT.to_owned(), evidence };
    let admin = UserId::parse(ADMIN).unwrap();
    futures::executor::block_on(table.record(&admin, &sign_in)).unwrap();
}

fn path(operation: &str) -> String {
    format!("/admin/users/{operation}")
}

/// Returns a valid request body of an operation for Sam.
fn body(operation: &str) -> Value {
    body_for("sam", operation)
}

fn body_for(user: &str, operation: &str) -> Value {
    if LOOKS.contains(&operation) {
        return json!({ "user": user });
    }
    let mut body = json!({ "user": user, "reason": "ticket 17" });
    match operation {
        "preference" => body["sms"] = json!("ENABLED"),
        "phone-number" => body["phoneNumber"] = json!("+12025550187"),
        _ => {}
    }
    body
}

impl Api {
    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_with(method, path, body, &json!({ "cognito:groups": "[helpers users]" })).await
    }

    async fn look(&self, operation: &str, user: &str) -> (u16, Value) {
        self.call("POST", &path(operation), body_for(user, operation)).await
    }

    /// Returns user, administrator and event of each line about a look.
    fn looks(&self) -> Vec<(String, String, AdminEvent)> {
        let look = |entry: AuditEntry| match entry.action {
            AuditAction::Admin { event: event @ (AdminEvent::UserViewed | AdminEvent::AuditViewed) } => {
                let by = entry.by.unwrap();
                assert_eq!(by.reason, None);
                Some((entry.user.as_str().to_owned(), by.user.as_str().to_owned(), event))
            }
            _ => None,
        };
        self.table.audit().into_iter().filter_map(look).collect()
    }

    async fn call_with(&self, method: &str, path: &str, body: Value, claims: &Value) -> (u16, Value) {
        let file = format!("{}/../../events/apigw-http-v2.access-token.json", env!("CARGO_MANIFEST_DIR"));
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = if body.is_null() { Value::Null } else { json!(body.to_string()) };
        let all = event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().unwrap();
        all.insert("sub".into(), json!(ADMIN));
        all.extend(claims.as_object().unwrap().clone());
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }

    async fn refusal(&self, method: &str, operation: &str, body: Value) -> String {
        let (_, problem) = self.call(method, &path(operation), body).await;
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    fn notices(&self) -> Vec<Notice> {
        let notice = |message: OutboundMessage| match message {
            OutboundMessage::Notification(notice) => Some(notice.notice),
            OutboundMessage::ChallengeCode(_) | OutboundMessage::Recovery(_) | OutboundMessage::Decoy => None,
        };
        self.queue.taken().into_iter().filter_map(notice).collect()
    }
}

#[tokio::test]
async fn a_user_is_found_with_everything_that_proves() {
    let api = api(&[PoolFactor::Totp]);
    let (status, found) = api.look("find", "sam").await;
    assert_eq!(status, 200);
    assert_eq!(
        found,
        json!({
            "sub": "sub-sam", "username": "sam", "status": "CONFIRMED", "enabled": true, "groups": [],
            "email": "s***@e***", "phoneNumber": "+*******0143",
            "factors": { "enabled": ["TOTP"], "preferred": "TOTP" },
            "authenticators": [], "passkeys": [], "recoveryCodesLeft": 0, "trustedDevices": [],
        })
    );
    assert_eq!(api.refusal("POST", "find", body_for("none", "find")).await, "user-not-found");
    assert!(api.notices().is_empty(), "a look is no change");
}

#[tokio::test]
async fn every_change_is_audited_with_reason_and_notified() {
    for (method, operation) in CHANGES {
        let api = api(&[PoolFactor::Totp]);
        let (status, answer) = api.call(method, &path(operation), body(operation)).await;
        assert!(matches!(status, 200 | 204), "{operation}: {answer}");
        let entries = api.table.audit();
        assert_eq!(entries.len(), 1, "{operation}");
        let by = entries[0].by.as_ref().unwrap();
        assert_eq!((by.user.as_str(), by.reason.as_deref()), (ADMIN, Some("ticket 17")));
        let is_erased = entries[0].action == AuditAction::Admin { event: AdminEvent::Erased };
        assert_eq!(entries[0].user.as_str(), if is_erased { ADMIN } else { "sub-sam" });
        assert_eq!(api.notices(), [Notice::ChangedByAdministrator], "{operation}");
    }
}

#[tokio::test]
async fn a_reset_removes_everything_a_lost_phone_had() {
    let api = api(&[PoolFactor::Totp]);
    let sam = UserId::parse("sub-sam").unwrap();
    let codes = Change { recovery: Some([RecoveryHash::from_stored("hash")].into()), ..Change::default() };
    api.table.change(&sam, 0, &codes).await.unwrap();
    let (status, left) = api.call("POST", &path("mfa-reset"), body("mfa-reset")).await;
    assert_eq!((status, left), (200, json!({ "enabled": [], "preferred": null })));
    let user = api.accounts.user("sam");
    assert_eq!((user.sessions, user.devices), (0, 0));
    assert!(api.table.custom_factors(&sam).await.unwrap().recovery.is_empty());
    // The pool requires a factor and the user has no other: the API must refuse instead of reporting a
    // success that changed nothing.
    let stuck = self::api(&[PoolFactor::Totp]);
    stuck.accounts.set_rules(PoolMfa::On, Some(PoolFactor::Email), false);
    stuck.accounts.change("sam", |user| user.account.addresses = [PoolFactor::Email].into());
    let refused = stuck.refusal("POST", "mfa-reset", body("mfa-reset")).await;
    assert_eq!(refused, "factor-not-changeable");
}

#[tokio::test]
async fn the_preference_and_the_number_are_changed_and_the_rest_stays() {
    let api = api(&[PoolFactor::Totp]);
    let asked = json!({ "user": "sam", "sms": "PREFERRED", "reason": "lost her phone" });
    let (status, after) = api.call("PUT", &path("preference"), asked).await;
    assert_eq!((status, after), (200, json!({ "enabled": ["SMS", "TOTP"], "preferred": "SMS" })));
    let two = json!({ "user": "sam", "sms": "PREFERRED", "totp": "PREFERRED", "reason": "x" });
    assert_eq!(api.refusal("PUT", "preference", two).await, "two-preferred-factors");
    let land_line = json!({ "user": "sam", "phoneNumber": "+493012345678", "reason": "x" });
    assert_eq!(api.refusal("PUT", "phone-number", land_line).await, "phone-number-not-usable");
    let (status, _) = api.call("PUT", &path("phone-number"), body("phone-number")).await;
    assert_eq!(status, 204);
    let number = api.accounts.user("sam").account.profile.contacts.phone_number.unwrap();
    assert_eq!(number.expose(), "+12025550187");
    api.accounts.ignore_changes();
    let email = json!({ "user": "sam", "email": "ENABLED", "reason": "x" });
    assert_eq!(api.refusal("PUT", "preference", email).await, "factor-not-changeable");
}

#[tokio::test]
async fn the_trail_is_read_by_time() {
    let api = api(&[PoolFactor::Totp]);
    api.call("POST", &path("unlock"), body("unlock")).await;
    api.clock.advance(SignedDuration::from_mins(1));
    api.call("POST", &path("unlock"), body("unlock")).await;
    api.clock.advance(SignedDuration::from_secs(1));
    let (status, answer) = api.look("audit", "sam").await;
    api.clock.advance(SignedDuration::from_secs(1));
    let actions = |answer: &Value| -> Vec<_> {
        answer["lines"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect()
    };
    assert_eq!(status, 200);
    assert_eq!(actions(&answer), ["support-unlocked", "support-unlocked", "support-audit-viewed"]);
    let span = |from: &str, until: &str| json!({ "user": "sam", "from": from, "until": until });
    let from = SIGNED_IN_AT + SignedDuration::from_secs(100);
    let now = SIGNED_IN_AT + SignedDuration::from_mins(2);
    let call = async |span| api.call("POST", &path("audit"), span).await;
    let (_, answer) = call(span(&from.to_string(), "9999-01-01T00:00:00Z")).await;
    assert_eq!(actions(&answer), ["support-unlocked", "support-audit-viewed", "support-audit-viewed"]);
    let (_, answer) = call(span("2020-01-01T00:00:00Z", &now.to_string())).await;
    assert_eq!(actions(&answer), ["support-unlocked"]);
    for (from, until, wrong) in
        [("today", "9999-01-01T00:00:00Z", "$.from"), ("2020-01-01T00:00:00Z", "", "$.until")]
    {
        let (status, problem) = call(span(from, until)).await;
        assert_eq!((status, &problem["path"]), (422, &json!(wrong)));
    }
}

#[rstest]
#[case::no_reason(json!({}))]
#[case::empty(json!({ "reason": " " }))]
#[case::not_a_line(json!({ "reason": "a\nb" }))]
#[tokio::test]
async fn without_a_reason_nothing_is_changed(#[case] given: Value) {
    let api = api(&[PoolFactor::Totp]);
    for (method, operation) in CHANGES {
        let mut asked = body(operation);
        asked.as_object_mut().unwrap().remove("reason");
        asked.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let (status, problem) = api.call(method, &path(operation), asked).await;
        assert_eq!((status, &problem["path"]), (422, &json!("$.reason")), "{operation}");
    }
    assert!(api.table.audit().is_empty() && api.notices().is_empty());
}

#[tokio::test]
async fn administrators_do_not_touch_each_other_nor_themselves() {
    let api = api(&[PoolFactor::Totp]);
    for (method, operation) in CHANGES {
        for user in ["alex", "kim"] {
            let refused = api.refusal(method, operation, body_for(user, operation)).await;
            assert_eq!(refused, "user-protected", "{user} {operation}");
        }
    }
    assert!(api.table.audit().is_empty());
}

/// Calls every route as each kind of caller who is no administrator with a second factor and a fresh sign-in.
#[tokio::test]
async fn every_other_caller_is_refused() {
    let all = CHANGES.into_iter().chain(LOOKS.map(|look| ("POST", look)));
    let mut checked = 0;
    for (method, operation) in all {
        let url = path(operation);
        let body = || body(operation);
        let member = json!({ "cognito:groups": "[helpers]" });
        for (claims, expected) in [
            (json!({}), "administrator-needed"),
            (json!({ "cognito:groups": "[users helpers2]" }), "administrator-needed"),
            (json!({ "cognito:groups": "[helpers]", "token_use": "id" }), "access-token-needed"),
            (json!({ "cognito:groups": "[helpers]", "scope": "openid" }), "access-token-needed"),
            (json!({ "cognito:groups": "[helpers]", "sub": "sub-other" }), "not-signed-in"),
        ] {
            let api = api(&[PoolFactor::Totp]);
            let (_, problem) = api.call_with(method, &url, body(), &claims).await;
            assert_eq!(problem["code"], expected, "{url} {claims}");
            checked += 1;
        }
        // The administrator has left the group since the token was issued, or the token was revoked, or the
        // second factor is absent.
        let left = api(&[PoolFactor::Totp]);
        left.accounts.change("alex", |user| user.groups.clear());
        let revoked = api(&[PoolFactor::Totp]);
        revoked.pool.revoke();
        let plain = api(&[]);
        for (api, expected) in [
            (&left, "administrator-needed"),
            (&revoked, "not-signed-in"),
            (&plain, "administrator-second-factor-required"),
        ] {
            let (_, problem) = api.call_with(method, &url, body(), &member).await;
            assert_eq!(problem["code"], expected, "{url}");
            checked += 1;
        }
        let late = api(&[PoolFactor::Totp]);
        late.clock.advance(SignedDuration::from_mins(5));
        let (status, answer) = late.call_with(method, &url, body(), &member).await;
        if LOOKS.contains(&operation) {
            assert_eq!(status, 200);
        } else {
            assert_eq!(
                (&answer["code"], &answer["maxAge"]),
                (&json!("reauthentication-required"), &json!(300))
            );
        }
        checked += 1;
    }
    assert_eq!(checked, 8 * 9);
}

const MEMBER: &str = "[helpers]";

/// Returns the refusal's code for a look, or the status of its success.
async fn look(api: &Api, claims: Value) -> String {
    let mut all = json!({ "cognito:groups": MEMBER });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let (status, answer) = api.call_with("POST", &path("find"), body("find"), &all).await;
    answer["code"].as_str().map_or_else(|| status.to_string(), str::to_owned)
}

/// An attacker with the password alone turns on a factor with the token that the password gave.
#[tokio::test]
async fn a_token_older_than_its_factor_is_refused() {
    let api = api(&[]);
    api.pool.set_factors(&[PoolFactor::Totp]);
    api.accounts.change("alex", |user| user.account.profile.factors.enabled = [PoolFactor::Totp].into());
    assert_eq!(look(&api, json!({})).await, "administrator-second-factor-required");
    for (method, operation) in CHANGES {
        let refused = api.refusal(method, operation, body(operation)).await;
        assert_eq!(refused, "administrator-second-factor-required", "{operation}");
    }
    // A moment later there is another sign-in, with the factor. A token could be from either of the two.
    let anew = SIGNED_IN_AT + SignedDuration::from_secs(20);
    record(&api.table, anew, true);
    assert_eq!(look(&api, json!({})).await, "sign-in-ambiguous");
    assert_eq!(look(&api, json!({ "auth_time": anew.as_second().to_string() })).await, "sign-in-ambiguous");
    assert_eq!(api.refusal("POST", "unlock", body("unlock")).await, "sign-in-ambiguous");
    assert!(api.table.audit().is_empty());
    let later = SIGNED_IN_AT + SignedDuration::from_secs(61);
    record(&api.table, later, true);
    api.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(look(&api, json!({ "auth_time": later.as_second().to_string() })).await, "200");
}

#[tokio::test]
async fn an_unrecorded_sign_in_has_no_second_factor() {
    let api = api(&[PoolFactor::Totp]);
    assert_eq!(look(&api, json!({})).await, "200");
    for minutes in [-2, 2] {
        let other = SIGNED_IN_AT + SignedDuration::from_mins(minutes);
        assert_eq!(
            look(&api, json!({ "auth_time": other.as_second().to_string() })).await,
            "administrator-second-factor-required"
        );
    }
    assert_eq!(look(&self::api(&[]), json!({ "amr": "[pwd otp mfa]" })).await, "200", "the token says so");
    // After a day no sign-in counts, even if the table still has its item.
    api.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(look(&api, json!({})).await, "administrator-second-factor-required");
}

/// Names that a path would split, cut or decode into another user's name or another operation.
const NAMES: [&str; 8] = [
    "sub-sam/mfa-reset?x@example.org",
    "org/alex",
    r"CORP\alex",
    "alex?x",
    "alex#x",
    "alex%2Fx",
    "..",
    "漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢",
];

/// The owner of the first name asks for an unlock, which must not reset the factors of Sam.
#[tokio::test]
async fn a_name_is_one_user_whatever_stands_in_it() {
    for name in NAMES {
        let api = api(&[PoolFactor::Totp]);
        api.accounts.add(name, "x", &[PoolFactor::Totp]);
        let sub = api.accounts.user(name).account.profile.user.as_str().to_owned();
        let (status, found) = api.look("find", name).await;
        assert_eq!((status, &found["username"], &found["sub"]), (200, &json!(name), &json!(sub)), "{found}");
        for (method, operation) in CHANGES {
            let (status, answer) = api.call(method, &path(operation), body_for(name, operation)).await;
            assert!(matches!(status, 200 | 204), "{name} {operation}: {answer}");
        }
        let of: BTreeSet<_> = api.table.audit().iter().map(|entry| entry.user.as_str().to_owned()).collect();
        assert_eq!(of, BTreeSet::from([sub, ADMIN.to_owned()]), "{name}");
        let sam = api.accounts.user("sam");
        assert!(
            sam.sessions > 0 && sam.account.profile.factors.enabled.contains(&PoolFactor::Totp),
            "{name}"
        );
    }
}

#[rstest]
#[case::absent(Value::Null)]
#[case::no_text(json!(1))]
#[case::empty(json!(""))]
#[case::a_blank(json!("sam x"))]
#[case::a_control_character(json!("sam\n"))]
#[case::too_long(json!("漢".repeat(129)))]
#[tokio::test]
async fn what_is_no_name_is_said_to_be_none(#[case] user: Value) {
    let api = api(&[PoolFactor::Totp]);
    for (method, operation) in CHANGES.into_iter().chain(LOOKS.map(|look| ("POST", look))) {
        let mut asked = body(operation);
        asked["user"] = user.clone();
        let (status, problem) = api.call(method, &path(operation), asked).await;
        assert_eq!((status, &problem["path"]), (422, &json!("$.user")), "{operation}");
    }
    assert!(api.table.audit().is_empty());
}

/// These paths once held a user's name. No function may act on them.
#[tokio::test]
async fn a_path_never_names_a_user() {
    let api = api(&[PoolFactor::Totp]);
    for (method, operation) in CHANGES {
        for named in ["sam", "sub-sam", "sub-sam%2Fmfa-reset%3Fx@example.org", "..", "%2e%2e", "find"] {
            let path = format!("/admin/users/{named}/{operation}");
            let (status, _) = api.call(method, &path, body(operation)).await;
            assert!(matches!(status, 404 | 405), "{path}: {status}");
        }
    }
    assert!(api.table.audit().is_empty() && api.notices().is_empty());
}

#[tokio::test]
async fn a_read_is_audited_with_its_administrator() {
    let api = api(&[PoolFactor::Totp]);
    assert_eq!(api.look("find", "sam").await.0, 200);
    assert_eq!(api.look("audit", "kim").await.0, 200);
    assert_eq!(api.look("find", "none").await.0, 404);
    let of = |user: &str, event| (user.to_owned(), ADMIN.to_owned(), event);
    let expected = [of("sub-sam", AdminEvent::UserViewed), of("sub-kim", AdminEvent::AuditViewed)];
    assert_eq!(api.looks(), expected);
    assert_eq!(api.table.audit().len(), 2, "one line a look");
    // A user is not shown if the look cannot be written to the audit trail.
    let api = api_on(&[PoolFactor::Totp], "", Some(Arc::new(NoTrail)));
    for operation in LOOKS {
        let (status, answer) = api.look(operation, "sam").await;
        assert_eq!((status, &answer["code"]), (503, &json!("temporarily-unavailable")), "{operation}");
        assert_eq!((&answer["lines"], &answer["sub"]), (&Value::Null, &Value::Null));
    }
}

#[rstest]
#[case::no_group(&[], "", 200)]
#[case::a_group(&["owners"], "", 403)]
#[case::a_helped_group(&["customers"], "helped_groups = ['customers']", 200)]
#[case::one_of_two(&["customers", "owners"], "helped_groups = ['customers']", 403)]
#[case::both(&["customers", "trial"], "helped_groups = ['customers', 'trial']", 200)]
#[case::an_administrator_among_them(&["customers", "helpers"], "helped_groups = ['customers']", 403)]
#[case::another_spelling(&["Customers"], "helped_groups = ['customers']", 403)]
#[tokio::test]
async fn a_member_of_a_group_is_changed_only_if_all_groups_are_helped(
    #[case] groups: &[&str],
    #[case] policy: &str,
    #[case] expected: u16,
) {
    for (method, operation) in CHANGES {
        let api = api_with(&[PoolFactor::Totp], policy);
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        api.accounts.change("sam", |user| user.groups = groups);
        let (status, answer) = api.call(method, &path(operation), body(operation)).await;
        assert_eq!(if status == 204 { 200 } else { status }, expected, "{operation}: {answer}");
        if expected == 403 {
            assert_eq!(answer["code"], "user-protected", "{operation}");
            assert!(api.table.audit().is_empty() && api.notices().is_empty(), "{operation}");
            assert_eq!(api.look("find", "sam").await.0, 200, "a look changes nothing");
        }
    }
}

#[tokio::test]
async fn an_administrator_asks_for_so_much_in_an_hour() {
    let left = 3600 - (SIGNED_IN_AT.as_second() + 60) % 3600;
    let policy = "reads_per_hour = 3\nchanges_per_hour = 2\nmax_sign_in_age_seconds = 300";
    let api = api_with(&[PoolFactor::Totp], policy);
    let too_many = (429, json!("too-many-requests"), json!(left));
    let problem =
        |(status, answer): (u16, Value)| (status, answer["code"].clone(), answer["retryAfter"].clone());
    let unlock = async || problem(api.call("POST", &path("unlock"), body("unlock")).await);
    assert_eq!(api.look("find", "sam").await.0, 200);
    assert_eq!(api.look("find", "none").await.0, 404);
    assert_eq!(api.look("audit", "sam").await.0, 200);
    for operation in LOOKS {
        assert_eq!(problem(api.look(operation, "sam").await), too_many, "{operation}");
    }
    assert_eq!(unlock().await.0, 204, "looks and changes are counted apart");
    assert_eq!(api.refusal("POST", "unlock", body_for("kim", "unlock")).await, "user-protected");
    assert_eq!(unlock().await, too_many, "what was refused counts");
    let lines = api.table.audit().len();
    for (method, operation) in CHANGES {
        assert_eq!(
            problem(api.call(method, &path(operation), body(operation)).await),
            too_many,
            "{operation}"
        );
    }
    assert_eq!(api.table.audit().len(), lines);
    // In the next hour the sign-in is too old for changes.
    api.clock.advance(SignedDuration::from_secs(left));
    assert_eq!(api.look("find", "sam").await.0, 200);
}

/// Of many calls at once, exactly the permitted number succeeds.
#[tokio::test]
async fn racing_calls_are_counted_one_by_one() {
    let api = api_with(&[PoolFactor::Totp], "reads_per_hour = 5\nchanges_per_hour = 4");
    let looks = futures::future::join_all((0..20).map(|_| api.look("find", "sam"))).await;
    assert_eq!(looks.iter().filter(|(status, _)| *status == 200).count(), 5);
    let unlock = || async { api.call("POST", &path("unlock"), body("unlock")).await };
    let changes = futures::future::join_all((0..20).map(|_| unlock())).await;
    assert_eq!(changes.iter().filter(|(status, _)| *status == 204).count(), 4);
}

/// A caller who is no administrator uses up no limit and leaves no line.
#[tokio::test]
async fn a_call_that_is_refused_before_is_not_counted() {
    let api = api_with(&[PoolFactor::Totp], "reads_per_hour = 1");
    for _ in 0..3 {
        let (status, _) = api.call_with("POST", &path("find"), body("find"), &json!({})).await;
        assert_eq!(status, 403);
    }
    assert_eq!(api.look("find", "sam").await.0, 200);
}

#[tokio::test]
async fn a_number_that_is_set_ends_the_trust_in_devices() {
    let api = api(&[PoolFactor::Totp]);
    let sam = UserId::parse("sub-sam").unwrap();
    let trusted = || async { api.table.custom_factors(&sam).await.unwrap() };
    let before = trusted().await.factor_epoch;
    let (status, _) = api.call("PUT", &path("phone-number"), body("phone-number")).await;
    assert_eq!(status, 204);
    assert_ne!(trusted().await.factor_epoch, before);
}
