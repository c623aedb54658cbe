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
use rstest::rstest;
use serde_json::{Value, json};
use shared::{
    admin::{Support, SupportPorts},
    assurance::{Evidence, RecordedSignIn, SignInRecords},
    audit::{Action, SupportEvent},
    config::Policy,
    delivery::{Notice, Parcel},
    factors::own::{Change, OwnFactorStore, RecoveryHash},
    http::admin_api,
    kernel::{Factor, UserId},
    recovery::PoolMfa,
};
use shared_testkit::{
    InMemoryAccounts, InMemoryCourier, InMemoryTable, InMemoryUserPool, ManualClock, SeededEntropy,
};
use tower::ServiceExt;

const ADMIN: &str = "sub-alex";
/// `client_id` of the sample events.
const CLIENT: &str = "1example23456789exampleab";
/// `auth_time` of the sample events.
const SIGNED_IN_AT: Timestamp = Timestamp::constant(1_767_322_985, 0);
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
    courier: Arc<InMemoryCourier>,
    clock: Arc<ManualClock>,
    pool: Arc<InMemoryUserPool>,
    router: axum::Router,
}

/// Alex is an administrator with these factors; Sam has an authenticator app.
fn api(factors: &[Factor]) -> Api {
    let accounts = Arc::new(InMemoryAccounts::default());
    accounts.add("alex", "x", factors);
    accounts.add("sam", "x", &[Factor::Totp]);
    accounts.add("kim", "x", &[Factor::Totp]);
    for name in ["alex", "kim"] {
        accounts.change(name, |user| user.groups = BTreeSet::from(["helpers".to_owned()]));
    }
    let pool = Arc::new(InMemoryUserPool::new(UserId::parse(ADMIN).unwrap()).with_factors(factors));
    let (table, courier) = (Arc::new(InMemoryTable::default()), Arc::new(InMemoryCourier::default()));
    let clock = Arc::new(ManualClock::at(SIGNED_IN_AT + SignedDuration::from_mins(1)));
    let ports = SupportPorts {
        pool: pool.clone(),
        accounts: accounts.clone(),
        own: table.clone(),
        sign_ins: table.clone(),
        ledger: table.clone(),
        items: table.clone(),
        audit: table.clone(),
        courier: courier.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(5)),
    };
    let policy = Policy::read(Some("[admin]\ngroups = ['helpers']")).unwrap().admin;
    record(&table, SIGNED_IN_AT, !factors.is_empty());
    Api { accounts, table, courier, clock, pool, router: admin_api(Arc::new(Support::new(policy, ports))) }
}

/// A sign-in of the administrator.
fn record(table: &InMemoryTable, at: Timestamp, has_second_factor: bool) {
    let evidence = Evidence {
        level: if has_second_factor { 2 } else { 1 },
        second_factor_at: has_second_factor.then_some(at),
    };
    let sign_in = RecordedSignIn { at, client: CLIENT.to_owned(), evidence };
    let admin = UserId::parse(ADMIN).unwrap();
    futures::executor::block_on(table.record(&admin, &sign_in)).unwrap();
}

fn body(path: &str) -> Value {
    let mut body = json!({ "reason": "ticket 17" });
    match path {
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

    async fn call_with(&self, method: &str, path: &str, body: Value, claims: &Value) -> (u16, Value) {
        let file = format!("{}/../events/apigw-http-v2.access-token.json", env!("CARGO_MANIFEST_DIR"));
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

    async fn refusal(&self, method: &str, path: &str, body: Value) -> String {
        let (_, problem) = self.call(method, path, body).await;
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    fn notices(&self) -> Vec<Notice> {
        let notice = |parcel: Parcel| match parcel {
            Parcel::Notice(notice) => Some(notice.notice),
            Parcel::Code(_) | Parcel::Recovery(_) | Parcel::Dummy => None,
        };
        self.courier.taken().into_iter().filter_map(notice).collect()
    }
}

#[tokio::test]
async fn a_user_is_found_with_everything_that_proves() {
    let api = api(&[Factor::Totp]);
    let (status, found) = api.call("GET", "/admin/users/sam", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(
        found,
        json!({
            "sub": "sub-sam", "username": "sam", "status": "CONFIRMED", "enabled": true, "groups": [],
            "email": "s***@e***", "phoneNumber": "+*******0143",
            "factors": { "enabled": ["TOTP"], "preferred": "TOTP" },
            "authenticators": [], "recoveryCodesLeft": 0, "trustedDevices": [],
        })
    );
    assert_eq!(api.refusal("GET", "/admin/users/none", Value::Null).await, "user-not-found");
    assert!(api.notices().is_empty(), "a look is no change");
}

#[tokio::test]
async fn every_change_is_written_down_with_who_and_why_and_told() {
    for (method, path) in CHANGES {
        let api = api(&[Factor::Totp]);
        let (status, answer) = api.call(method, &format!("/admin/users/sam/{path}"), body(path)).await;
        assert!(matches!(status, 200 | 204), "{path}: {answer}");
        let entries = api.table.audit();
        assert_eq!(entries.len(), 1, "{path}");
        let by = entries[0].by.as_ref().unwrap();
        assert_eq!((by.user.as_str(), by.reason.as_str()), (ADMIN, "ticket 17"));
        let is_erased = entries[0].action == Action::Support { event: SupportEvent::Erased };
        assert_eq!(entries[0].user.as_str(), if is_erased { ADMIN } else { "sub-sam" });
        assert_eq!(api.notices(), [Notice::ChangedBySupport], "{path}");
    }
}

#[tokio::test]
async fn a_reset_leaves_nothing_that_a_lost_phone_held() {
    let api = api(&[Factor::Totp]);
    let sam = UserId::parse("sub-sam").unwrap();
    let codes = Change { recovery: Some([RecoveryHash::kept("hash")].into()), ..Change::default() };
    api.table.change(&sam, 0, &codes).await.unwrap();
    let (status, left) = api.call("POST", "/admin/users/sam/mfa-reset", body("")).await;
    assert_eq!((status, left), (200, json!({ "enabled": [], "preferred": null })));
    let user = api.accounts.user("sam");
    assert_eq!((user.sessions, user.devices), (0, 0));
    assert!(api.table.own_factors(&sam).await.unwrap().recovery.is_empty());
    // In a pool that requires a factor and knows no other of the user: never a success that changed nothing.
    let stuck = self::api(&[Factor::Totp]);
    stuck.accounts.set_rules(PoolMfa::On, Some(Factor::Email), false);
    stuck.accounts.change("sam", |user| user.account.addresses = [Factor::Email].into());
    let refused = stuck.refusal("POST", "/admin/users/sam/mfa-reset", body("")).await;
    assert_eq!(refused, "factor-not-changeable");
}

#[tokio::test]
async fn the_preference_and_the_number_are_changed_and_the_rest_stays() {
    let api = api(&[Factor::Totp]);
    let asked = json!({ "sms": "PREFERRED", "reason": "lost her phone" });
    let (status, after) = api.call("PUT", "/admin/users/sam/preference", asked).await;
    assert_eq!((status, after), (200, json!({ "enabled": ["SMS", "TOTP"], "preferred": "SMS" })));
    let two = json!({ "sms": "PREFERRED", "totp": "PREFERRED", "reason": "x" });
    assert_eq!(api.refusal("PUT", "/admin/users/sam/preference", two).await, "two-preferred-factors");
    let (status, _) = api.call("PUT", "/admin/users/sam/phone-number", body("phone-number")).await;
    assert_eq!(status, 204);
    let number = api.accounts.user("sam").account.profile.contacts.phone_number.unwrap();
    assert_eq!(number.expose(), "+12025550187");
    api.accounts.ignore_changes();
    let ignored =
        api.refusal("PUT", "/admin/users/sam/preference", json!({ "email": "ENABLED", "reason": "x" }));
    assert_eq!(ignored.await, "factor-not-changeable");
}

#[tokio::test]
async fn the_trail_is_read_by_time() {
    let api = api(&[Factor::Totp]);
    api.call("POST", "/admin/users/sam/unlock", body("")).await;
    api.clock.advance(SignedDuration::from_mins(1));
    api.call("POST", "/admin/users/sam/unlock", body("")).await;
    let (status, answer) = api.call("GET", "/admin/users/sam/audit", Value::Null).await;
    assert_eq!((status, answer["lines"].as_array().unwrap().len()), (200, 2));
    let from = SIGNED_IN_AT + SignedDuration::from_secs(100);
    let (_, answer) = api.call("GET", &format!("/admin/users/sam/audit?from={from}"), Value::Null).await;
    assert_eq!(answer["lines"].as_array().unwrap().len(), 1);
    let (status, problem) = api.call("GET", "/admin/users/sam/audit?from=today", Value::Null).await;
    assert_eq!((status, &problem["path"]), (422, &json!("$.from")));
}

#[rstest]
#[case::no_reason(json!({}))]
#[case::empty(json!({ "reason": " " }))]
#[case::not_a_line(json!({ "reason": "a\nb" }))]
#[tokio::test]
async fn without_a_reason_nothing_is_changed(#[case] given: Value) {
    let api = api(&[Factor::Totp]);
    for (method, path) in CHANGES {
        let mut asked = body(path);
        asked.as_object_mut().unwrap().remove("reason");
        asked.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let (status, problem) = api.call(method, &format!("/admin/users/sam/{path}"), asked).await;
        assert_eq!((status, &problem["path"]), (422, &json!("$.reason")), "{path}");
    }
    assert!(api.table.audit().is_empty() && api.notices().is_empty());
}

#[tokio::test]
async fn administrators_do_not_touch_each_other_nor_themselves() {
    let api = api(&[Factor::Totp]);
    for (method, path) in CHANGES {
        for user in ["alex", "kim"] {
            let refused = api.refusal(method, &format!("/admin/users/{user}/{path}"), body(path)).await;
            assert_eq!(refused, "user-protected", "{user} {path}");
        }
    }
    assert!(api.table.audit().is_empty());
}

/// Every route, for everybody who is no administrator with a second factor and a fresh sign-in.
#[tokio::test]
async fn nobody_else_gets_anywhere() {
    let looks = [("GET", ""), ("GET", "/audit")];
    let routes: Vec<_> = CHANGES.iter().map(|(method, path)| (*method, format!("/{path}"))).collect();
    let all = routes.iter().map(|(method, path)| (*method, path.as_str())).chain(looks);
    let mut checked = 0;
    for (method, path) in all {
        let url = format!("/admin/users/sam{path}");
        let body = || if method == "GET" { Value::Null } else { body(path.trim_start_matches('/')) };
        let member = json!({ "cognito:groups": "[helpers]" });
        for (claims, expected) in [
            (json!({}), "administrator-needed"),
            (json!({ "cognito:groups": "[users helpers2]" }), "administrator-needed"),
            (json!({ "cognito:groups": "[helpers]", "token_use": "id" }), "access-token-needed"),
            (json!({ "cognito:groups": "[helpers]", "scope": "openid" }), "access-token-needed"),
            (json!({ "cognito:groups": "[helpers]", "sub": "sub-other" }), "not-signed-in"),
        ] {
            let api = api(&[Factor::Totp]);
            let (_, problem) = api.call_with(method, &url, body(), &claims).await;
            assert_eq!(problem["code"], expected, "{url} {claims}");
            checked += 1;
        }
        // Taken out of the group since the token was issued; the token revoked; no second factor.
        let left = api(&[Factor::Totp]);
        left.accounts.change("alex", |user| user.groups.clear());
        let revoked = api(&[Factor::Totp]);
        revoked.pool.revoke();
        let plain = api(&[]);
        for (api, expected) in
            [(&left, "administrator-needed"), (&revoked, "not-signed-in"), (&plain, "second-factor-needed")]
        {
            let (_, problem) = api.call_with(method, &url, body(), &member).await;
            assert_eq!(problem["code"], expected, "{url}");
            checked += 1;
        }
        let late = api(&[Factor::Totp]);
        late.clock.advance(SignedDuration::from_mins(5));
        let (status, answer) = late.call_with(method, &url, body(), &member).await;
        if method == "GET" {
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

async fn look(api: &Api, claims: Value) -> u16 {
    let mut all = json!({ "cognito:groups": MEMBER });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    api.call_with("GET", "/admin/users/sam", Value::Null, &all).await.0
}

/// Whoever has only the password turns a factor on with the token that they got for it.
#[tokio::test]
async fn a_factor_turned_on_after_the_sign_in_does_not_let_its_token_in() {
    let api = api(&[]);
    api.pool.set_factors(&[Factor::Totp]);
    api.accounts.change("alex", |user| user.account.profile.factors.enabled = [Factor::Totp].into());
    assert_eq!(look(&api, json!({})).await, 403);
    for (method, path) in CHANGES {
        let refused = api.refusal(method, &format!("/admin/users/sam/{path}"), body(path)).await;
        assert_eq!(refused, "second-factor-needed", "{path}");
    }
    // Another sign-in, with the factor, a moment later: which of the two a token is of can't be told.
    let anew = SIGNED_IN_AT + SignedDuration::from_secs(20);
    record(&api.table, anew, true);
    assert_eq!(look(&api, json!({})).await, 403);
    assert_eq!(look(&api, json!({ "auth_time": anew.as_second().to_string() })).await, 403);
    let later = SIGNED_IN_AT + SignedDuration::from_secs(61);
    record(&api.table, later, true);
    api.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(look(&api, json!({ "auth_time": later.as_second().to_string() })).await, 200);
}

#[tokio::test]
async fn a_sign_in_of_which_nothing_is_known_is_none_with_a_second_factor() {
    let api = api(&[Factor::Totp]);
    assert_eq!(look(&api, json!({})).await, 200);
    for minutes in [-2, 2] {
        let other = SIGNED_IN_AT + SignedDuration::from_mins(minutes);
        assert_eq!(look(&api, json!({ "auth_time": other.as_second().to_string() })).await, 403);
    }
    assert_eq!(look(&self::api(&[]), json!({ "amr": "[pwd otp mfa]" })).await, 200, "the token says so");
    // A day later nothing is known any more, whether or not the table has forgotten it.
    api.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(look(&api, json!({})).await, 403);
}
