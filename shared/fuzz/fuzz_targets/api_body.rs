//! Any method, path and body as a request of a signed-in user to the MFA API: first line, rest. Nothing panics
//! and nothing is answered with 5xx.

#![no_main]

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request},
};
use futures::FutureExt as _;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shared::{
    calls::{CallLimits, Repetitions},
    config::Policy,
    factors::{Access, Activity, Addresses, Factors, RememberedDevices, own::SelfService},
    http::{MfaServices, mfa_api},
    kernel::{Factor, HashKey, UserId},
};
use shared_testkit::{
    InMemoryCourier, InMemorySeeds, InMemoryTable, InMemoryUserPool, ManualClock, SeededEntropy,
};
use tower::ServiceExt as _;

const SAMPLE: &str = include_str!("../../../events/apigw-http-v2.access-token.json");

fn router() -> axum::Router {
    let user = UserId::parse("a1b2c3d4-5678-40ab-9cde-f0123456789a").expect("a user");
    let (table, courier) = (Arc::new(InMemoryTable::default()), Arc::new(InMemoryCourier::default()));
    let pool = Arc::new(InMemoryUserPool::new(user).with_factors(&[Factor::Totp]));
    let now = Timestamp::from_second(1_767_323_045).expect("a time");
    let (clock, entropy) = (Arc::new(ManualClock::at(now)), Arc::new(SeededEntropy::new(1)));
    let policy = Policy::default();
    let access = Access::new(pool.clone(), table.clone(), courier, clock.clone(), entropy, &policy);
    let access = Arc::new(access);
    let key = || HashKey::new(&[7; 32]);
    let own = SelfService::new(access.clone(), table.clone(), Arc::new(InMemorySeeds), key(), &policy);
    mfa_api(MfaServices {
        addresses: Arc::new(Addresses::new(access.clone(), pool.clone(), table.clone())),
        devices: Arc::new(RememberedDevices::new(access.clone(), pool, table.clone())),
        activity: Arc::new(Activity::new(access.clone(), table.clone())),
        factors: Arc::new(Factors::new(access, table.clone(), &policy)),
        own: Arc::new(own),
        limits: Arc::new(CallLimits::new(table.clone(), clock.clone(), key(), &policy)),
        repetitions: Arc::new(Repetitions::new(table, clock)),
    })
}

fuzz_target!(|text: &str| {
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    let (method, path) = line.split_once(' ').unwrap_or(("POST", line));
    // What API Gateway would not pass on is not ours to take.
    let Ok(method) = method.parse::<Method>() else { return };
    let Some(path) = path.strip_prefix('/').map(|path| format!("/{path}")) else { return };
    if path.parse::<axum::http::Uri>().is_err() || path.contains(['?', '#']) {
        return;
    }
    let mut event: Value = serde_json::from_str(SAMPLE).expect("a sample");
    event["rawPath"] = path.as_str().into();
    event["requestContext"]["http"]["method"] = method.as_str().into();
    event["requestContext"]["http"]["path"] = path.as_str().into();
    event["body"] = body.into();
    let Ok(request) = lambda_http::request::from_str(&event.to_string()) else { return };
    let request: Request<Body> = request.map(|body| Body::from(body.to_vec()));
    let answered = router().oneshot(request).now_or_never().expect("the ports in here never wait");
    let status = answered.expect("a router does not fail").status();
    assert!(!status.is_server_error(), "{status}: {text}");
});
