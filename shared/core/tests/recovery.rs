//! Recoveries on in-memory ports: the use cases, and the public router in front of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    audit::{AuditAction, RecoveryEvent},
    config::Policy,
    delivery::{Channel, MailedRecovery, Notice, OutboundMessage, RecoveryNotification},
    factors::{
        custom::{
            Authenticator, Change, CustomFactorStore, FactorId, PoolFactorNote, RecoveryCode, SealedSeed,
        },
        enrolment::FriendlyDeviceName,
    },
    http::{RecoveryFrontSettings, recovery_api},
    kernel::{Clock as _, HashKey, PoolFactor, UserId},
    recovery::{
        CaseSecret, CaseService, CaseStatus, PoolMfa, RecoveryCommand, RecoveryPorts, RecoveryReply,
        RecoveryService, RecoverySettings,
    },
    sign_in::SignInLedger,
    trigger::decide,
};
use mfa_testkit::{InMemoryAccounts, InMemoryMessageQueue, InMemoryTable, ManualClock, SeededEntropy};
use serde_json::{Value, json};
use tower::ServiceExt;

const OLD: &str = "Correct-Horse-9";
const NEW: &str = "Better-Horse-10";

struct Stage {
    accounts: Arc<InMemoryAccounts>,
    table: Arc<InMemoryTable>,
    queue: Arc<InMemoryMessageQueue>,
    clock: Arc<ManualClock>,
    service: Arc<CaseService>,
    codes: Vec<String>,
}

fn hash_key() -> HashKey {
    HashKey::new(&[7; 32])
}

fn challenge_key() -> HashKey {
    HashKey::new(&[8; 32])
}

fn recovery_key() -> HashKey {
    HashKey::new(&[9; 32])
}

fn alex() -> UserId {
    UserId::parse("sub-alex").unwrap()
}

/// Returns a stage where Alex has a password, these factors, ten recovery codes and a named authenticator.
async fn stage(factors: &[PoolFactor]) -> Stage {
    stage_with(factors, "").await
}

async fn stage_with(factors: &[PoolFactor], policy: &str) -> Stage {
    let (accounts, table) = (Arc::new(InMemoryAccounts::default()), Arc::new(InMemoryTable::default()));
    let queue = Arc::new(InMemoryMessageQueue::default());
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
    let entropy = Arc::new(SeededEntropy::new(3));
    accounts.add("alex", OLD, factors);
    let codes: Vec<_> = (0..10).map(|_| RecoveryCode::generate(entropy.as_ref()).unwrap()).collect();
    let authenticator = Authenticator {
        name: FriendlyDeviceName::parse("Phone").unwrap(),
        seed: SealedSeed::new(vec![1]),
        created_at: Timestamp::UNIX_EPOCH,
        is_confirmed: true,
    };
    let change = Change {
        recovery: Some(codes.iter().map(|code| code.hash(&challenge_key(), &alex())).collect()),
        authenticators: Some([(FactorId::new(entropy.as_ref()).unwrap(), authenticator)].into()),
        ..Change::default()
    };
    table.change(&alex(), 0, &change).await.unwrap();
    let settings = RecoverySettings {
        policy: Policy::read(Some(policy)).unwrap().recovery,
        hash_key: hash_key(),
        challenge_key: challenge_key(),
        recovery_key: recovery_key(),
    };
    let ports = RecoveryPorts {
        cases: table.clone(),
        attempts: table.clone(),
        codes: table.clone(),
        passwords: accounts.clone(),
        accounts: accounts.clone(),
        custom: table.clone(),
        history: table.clone(),
        audit: table.clone(),
        queue: queue.clone(),
        clock: clock.clone(),
        entropy,
    };
    let codes = codes.iter().map(|code| code.readable().to_string()).collect();
    Stage { accounts, table, queue, clock, service: Arc::new(CaseService::new(settings, ports)), codes }
}

fn refusal(answer: &RecoveryReply) -> &str {
    match answer {
        RecoveryReply::Refused { code } => code,
        _ => "",
    }
}

fn status(answer: &RecoveryReply) -> Option<CaseStatus> {
    match answer {
        RecoveryReply::Opened { view, .. } | RecoveryReply::Case { view } => Some(view.status),
        RecoveryReply::Refused { .. } => None,
    }
}

impl Stage {
    async fn handle(&self, ask: RecoveryCommand) -> RecoveryReply {
        self.service.handle(&ask).await.unwrap()
    }

    async fn open(&self, name: &str, password: &str) -> String {
        let ask = RecoveryCommand::Open { user_name: name.into(), password: password.into() };
        match self.handle(ask).await {
            RecoveryReply::Opened { secret, .. } => secret,
            other => unreachable!("{other:?}"),
        }
    }

    async fn code(&self, secret: &str, code: &str) -> RecoveryReply {
        self.handle(RecoveryCommand::Code { secret: secret.into(), code: code.into() }).await
    }

    async fn finish(&self, secret: &str, password: &str) -> RecoveryReply {
        self.handle(RecoveryCommand::Finish {
            secret: secret.into(),
            old_password: OLD.into(),
            password: password.into(),
        })
        .await
    }

    async fn proven(&self) -> String {
        let secret = self.open("alex", OLD).await;
        assert_eq!(status(&self.code(&secret, &self.codes[0]).await), Some(CaseStatus::Proven));
        secret
    }

    fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    fn notices(&self) -> Vec<(Notice, Channel, uuid::Uuid)> {
        let notice = |message: OutboundMessage| match message {
            OutboundMessage::Notification(notice)
            | OutboundMessage::Recovery(RecoveryNotification { notice, .. }) => {
                Some((notice.notice, notice.to.destination.channel(), notice.id))
            }
            OutboundMessage::ChallengeCode(_) | OutboundMessage::Decoy => None,
        };
        self.queue.taken().into_iter().filter_map(notice).collect()
    }

    fn events(&self) -> Vec<RecoveryEvent> {
        let event = |action: AuditAction| match action {
            AuditAction::Recovery { event } => Some(event),
            _ => None,
        };
        self.table.audit().into_iter().filter_map(|entry| event(entry.action)).collect()
    }
}

#[tokio::test]
async fn an_account_is_recovered_by_password_and_code() {
    let stage = stage(&[PoolFactor::Totp]).await;
    let secret = stage.open("alex", OLD).await;
    assert_eq!(refusal(&stage.finish(&secret, NEW).await), "recovery-not-proven");
    assert_eq!(
        refusal(&stage.code(&secret, &stage.codes[0].replace(['0', '1'], "2").replace('3', "4")).await),
        "code-wrong"
    );
    assert_eq!(status(&stage.code(&secret, &stage.codes[0]).await), Some(CaseStatus::Proven));
    assert_eq!(status(&stage.code(&secret, &stage.codes[0]).await), Some(CaseStatus::Proven), "said again");
    assert_eq!(refusal(&stage.finish(&secret, OLD).await), "password-reused");
    assert_eq!(refusal(&stage.finish(&secret, "short").await), "password-not-accepted");
    assert_eq!(stage.accounts.user("alex").password, OLD);
    assert!(stage.accounts.user("alex").account.profile.factors.enabled.contains(&PoolFactor::Totp));

    stage.accounts.calls();
    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered));
    let calls = stage.accounts.calls();
    let position = |name| calls.iter().position(|call| *call == name).unwrap();
    assert!(position("AdminSetUserPassword") < position("AdminDeleteSoftwareToken"), "{calls:?}");

    let user = stage.accounts.user("alex");
    assert_eq!((user.password.as_str(), user.sessions, user.devices), (NEW, 0, 0));
    assert!(user.account.profile.factors.enabled.is_empty());
    let custom = stage.table.custom_factors(&alex()).await.unwrap();
    assert!(custom.authenticators.is_empty() && custom.devices.is_empty() && custom.factor_epoch > 0);
    assert_eq!(custom.recovery.len(), 9, "the other codes stay");
    let told: Vec<_> = stage.notices().into_iter().map(|(notice, channel, _)| (notice, channel)).collect();
    assert_eq!(
        told,
        [
            (Notice::RecoveryStarted, Channel::Email),
            (Notice::AccountRecovered, Channel::Email),
            (Notice::AccountRecovered, Channel::Sms)
        ]
    );
    assert_eq!(stage.events(), [RecoveryEvent::Opened, RecoveryEvent::Begun, RecoveryEvent::Recovered]);

    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered), "said again");
    assert_eq!(stage.notices().len(), 3);
    assert_eq!(refusal(&stage.code(&secret, &stage.codes[1]).await), "recovery-ended");
    assert_eq!(refusal(&stage.handle(RecoveryCommand::Cancel { secret }).await), "recovery-ended");
}

/// Each call to Cognito fails once, and the request is repeated each time.
#[tokio::test]
async fn whatever_fails_it_is_finished_by_asking_again() {
    let mut calls = 0;
    loop {
        let stage = stage(&[PoolFactor::Totp]).await;
        let secret = stage.proven().await;
        stage.accounts.fail_after(Some(calls));
        let first = stage
            .service
            .handle(&RecoveryCommand::Finish {
                secret: secret.clone(),
                old_password: OLD.into(),
                password: NEW.into(),
            })
            .await;
        let user = stage.accounts.user("alex");
        let has_factor = !user.account.profile.factors.enabled.is_empty();
        assert!(has_factor || user.password == NEW, "{calls}: the factor is gone, the old password is not");
        stage.accounts.fail_after(None);
        if let Ok(answer) = first {
            assert_eq!(status(&answer), Some(CaseStatus::Recovered));
            assert!(calls > 8, "{calls}");
            break;
        }
        assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered), "{calls}");
        assert_eq!(stage.accounts.user("alex").password, NEW);
        let mut ids: Vec<_> = stage.notices().into_iter().map(|(_, _, id)| id).collect();
        ids.dedup();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{calls}: each message has one identity, however often it is handed over");
        assert_eq!(stage.events(), [RecoveryEvent::Opened, RecoveryEvent::Begun, RecoveryEvent::Recovered]);
        calls += 1;
    }
}

/// The steps that need no password complete without the user who opened the case.
#[tokio::test]
async fn after_the_password_it_goes_on_by_itself() {
    let stage = stage(&[PoolFactor::Totp]).await;
    let secret = stage.proven().await;
    // The calls `AdminGetUser`, `InitiateAuth` and `AdminSetUserPassword` succeed. Every later call fails.
    stage.accounts.fail_after(Some(3));
    stage
        .service
        .handle(&RecoveryCommand::Finish {
            secret: secret.clone(),
            old_password: OLD.into(),
            password: NEW.into(),
        })
        .await
        .unwrap_err();
    stage.accounts.fail_after(None);
    assert_eq!(
        status(&stage.handle(RecoveryCommand::Look { secret: secret.clone() }).await),
        Some(CaseStatus::InProgress)
    );
    let key = CaseSecret::parse(&secret).unwrap().key(&hash_key());
    stage.service.resume(&key).await.unwrap();
    assert_eq!(status(&stage.handle(RecoveryCommand::Look { secret }).await), Some(CaseStatus::Recovered));
}

#[tokio::test]
async fn a_decoy_case_looks_and_takes_the_same() {
    let stage = stage(&[PoolFactor::Totp]).await;
    stage.accounts.add("plain", OLD, &[]);
    stage.accounts.calls();
    let mut seen = Vec::new();
    for (name, password) in [("alex", OLD), ("alex", "wrong"), ("nobody", OLD), ("plain", OLD)] {
        let secret = stage.open(name, password).await;
        let mut calls = stage.accounts.calls();
        let mut answers = vec![stage.handle(RecoveryCommand::Look { secret: secret.clone() }).await];
        for _ in 0..6 {
            answers.push(stage.code(&secret, &stage.codes[9].replace(|c| c != '-', "7")).await);
        }
        answers.push(stage.finish(&secret, NEW).await);
        calls.extend(stage.accounts.calls());
        seen.push((calls, answers));
    }
    for other in &seen[1..] {
        assert_eq!(*other, seen[0]);
    }
    assert_eq!(stage.queue.taken().len(), 4, "as many messages, most of them decoys");
    assert_eq!(stage.notices().len(), 1);
    // If the password was wrong, even the right code fails.
    let secret = stage.open("plain", OLD).await;
    assert_eq!(refusal(&stage.code(&secret, &stage.codes[1]).await), "code-wrong");
}

#[tokio::test]
async fn a_thousand_wrong_codes_are_five_comparisons() {
    let stage = stage(&[PoolFactor::Totp]).await;
    let wrong = stage.codes[9].replace(|c| c != '-', "7");
    let (mut opened, mut entered) = (0, 0);
    while entered < 1_000 {
        let secret = stage.open("alex", OLD).await;
        opened += 1;
        if opened == 2 {
            // The password of this case was right. The case before it compared five codes.
            assert_eq!(refusal(&stage.code(&secret, &stage.codes[0]).await), "code-wrong");
            entered += 1;
            continue;
        }
        for _ in 0..5 {
            assert_eq!(refusal(&stage.code(&secret, &wrong).await), "code-wrong");
            entered += 1;
        }
        assert_eq!(refusal(&stage.code(&secret, &wrong).await), "recovery-ended");
    }
    assert_eq!(opened, 201);
    // Beyond the limit even the right code is not compared.
    let secret = stage.open("alex", OLD).await;
    assert_eq!(refusal(&stage.code(&secret, &stage.codes[0]).await), "code-wrong");
    assert_eq!(stage.table.custom_factors(&alex()).await.unwrap().recovery.len(), 10);
    assert_eq!(stage.notices().len(), 5, "the owner was told each time the password was looked at");
    stage.clock.advance(SignedDuration::from_hours(1));
    stage.proven().await;
}

/// The owner got a notice, and a change of password is enough to end the case.
#[tokio::test]
async fn another_password_meanwhile_ends_a_case() {
    let stage = stage(&[PoolFactor::Totp]).await;
    let secret = stage.proven().await;
    stage.accounts.change("alex", |user| user.password = "Owners-Horse-11".into());
    assert_eq!(refusal(&stage.finish(&secret, NEW).await), "password-wrong");
    let guess =
        RecoveryCommand::Finish { secret, old_password: "Owners-Horse-11".into(), password: NEW.into() };
    stage.accounts.calls();
    assert_eq!(refusal(&stage.handle(guess).await), "password-wrong", "not the one that opened the case");
    assert_eq!(stage.accounts.calls(), ["AdminGetUser"], "and not tried: nothing can be guessed here");
    assert_eq!(stage.accounts.user("alex").password, "Owners-Horse-11");
}

#[tokio::test]
async fn a_case_ends_in_time_and_can_be_cancelled() {
    let stage = stage(&[PoolFactor::Totp]).await;
    let secret = stage.proven().await;
    assert_eq!(
        status(&stage.handle(RecoveryCommand::Cancel { secret: secret.clone() }).await),
        Some(CaseStatus::Cancelled)
    );
    assert_eq!(refusal(&stage.finish(&secret, NEW).await), "recovery-ended");
    let late = stage.open("alex", OLD).await;
    stage.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(refusal(&stage.code(&late, &stage.codes[1]).await), "recovery-not-found");
    assert_eq!(
        refusal(&stage.handle(RecoveryCommand::Look { secret: "x".into() }).await),
        "recovery-not-found"
    );
    assert_eq!(stage.accounts.user("alex").password, OLD);
}

#[tokio::test]
async fn a_required_factor_is_replaced_or_escalated() {
    for (recovery, expected) in
        [(Some(PoolFactor::Email), CaseStatus::Recovered), (None, CaseStatus::Recovered)]
    {
        let stage = stage(&[PoolFactor::Totp]).await;
        stage.accounts.set_rules(PoolMfa::On, recovery, false);
        let secret = stage.proven().await;
        assert_eq!(status(&stage.finish(&secret, NEW).await), Some(expected));
        assert_eq!(stage.accounts.user("alex").account.profile.factors.preferred, Some(PoolFactor::Sms));
    }
    let stage = stage(&[PoolFactor::Totp]).await;
    stage.accounts.set_rules(PoolMfa::On, Some(PoolFactor::Email), false);
    stage.accounts.change("alex", |user| user.account.addresses = [PoolFactor::Email].into());
    let secret = stage.proven().await;
    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::NeedsOperator));
    assert_eq!(stage.accounts.user("alex").password, NEW, "the stolen one is worth nothing all the same");
    assert_eq!(stage.events().last(), Some(&RecoveryEvent::EscalatedNoOtherFactor));
}

#[tokio::test]
async fn success_is_said_only_after_reading_it_back() {
    let stage = stage(&[PoolFactor::Totp]).await;
    stage.accounts.ignore_changes();
    let secret = stage.proven().await;
    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::NeedsOperator));
    assert_eq!(stage.events().last(), Some(&RecoveryEvent::EscalatedStillThere));
}

#[tokio::test]
async fn a_lost_number_is_turned_off_where_it_may_be() {
    let stage = stage(&[PoolFactor::Sms]).await;
    let secret = stage.proven().await;
    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered));
    assert!(stage.accounts.user("alex").account.profile.factors.enabled.is_empty());
}

/// The gate admits a covered user at a native client only with a pool factor that was on before the sign-in. A
/// user who keeps one proves it before a new first authenticator.
#[tokio::test]
async fn the_note_of_a_pool_factor_stays_while_one_stays_on() {
    let lost_and_kept = [PoolFactor::Totp, PoolFactor::Sms];
    for (factors, stays_on) in [(&lost_and_kept[..1], false), (&lost_and_kept[..], true)] {
        let stage = stage(factors).await;
        let before = PoolFactorNote::On(stage.clock_now());
        stage.table.note_pool_factor(&alex(), before).await.unwrap();
        let secret = stage.proven().await;
        assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered));
        let enabled = stage.accounts.user("alex").account.profile.factors.enabled;
        let custom = stage.table.custom_factors(&alex()).await.unwrap();
        assert_eq!((!enabled.is_empty(), custom.pool_factor_since.is_some()), (stays_on, stays_on));
        assert_eq!(custom.has_ever_counted(), stays_on);
    }
}

/// Behind `CloudFront` the API's own domain answers 404, so the link that ends a recovery would fail too.
#[test]
fn mailed_recovery_behind_cloudfront_needs_a_url() {
    let starts = |policy: &str, secret: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), format!("[recovery.email]\n{policy}")).unwrap();
        let lookup = |name: &str| match name {
            "MFA_CONFIG_DIR" => folder.path().to_str().map(str::to_owned),
            "MFA_HASH_KEY" => Some("k".repeat(32)),
            "MFA_ORIGIN_SECRET" => secret.map(str::to_owned),
            _ => None,
        };
        mfa_core::config::load(&lookup, RecoveryFrontSettings::read).is_ok()
    };
    let url = "open = true\napi_url = 'https://d1.cloudfront.example'";
    for (policy, secret, expected) in [
        ("open = true", Some("shown"), false),
        (url, Some("shown"), true),
        ("open = true", None, true),
        ("open = false", Some("shown"), true),
    ] {
        assert_eq!(starts(policy, secret), expected, "{policy:?} behind {secret:?}");
    }
}

struct Api {
    stage: Stage,
    router: axum::Router,
}

async fn api() -> Api {
    let stage = stage(&[PoolFactor::Totp]).await;
    let lookup = |name: &str| (name == "MFA_HASH_KEY").then(|| "k".repeat(32));
    let settings = mfa_core::config::load(&lookup, RecoveryFrontSettings::read).unwrap();
    let front = settings.front(stage.service.clone(), stage.table.clone(), stage.clock.clone());
    Api { stage, router: recovery_api(front) }
}

impl Api {
    async fn call(&self, method: &str, path: &str, secret: Option<&str>, body: Value) -> (u16, Value) {
        let file = format!("{}/../../events/apigw-http-v2.no-authorizer.json", env!("CARGO_MANIFEST_DIR"));
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["headers"] = json!({ "content-type": "application/json" });
        if let Some(secret) = secret {
            event["headers"]["authorization"] = json!(format!("Bearer {secret}"));
        }
        event["body"] = if body.is_null() { Value::Null } else { json!(body.to_string()) };
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status: StatusCode = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status.as_u16(), serde_json::from_slice(&bytes).unwrap())
    }
}

#[tokio::test]
async fn the_routes_from_the_lost_phone_to_the_new_password() {
    let api = api().await;
    let begin = json!({ "username": "alex", "password": OLD });
    let (status, opened) = api.call("POST", "/recovery", None, begin).await;
    assert_eq!((status, &opened["status"], &opened["attemptsLeft"]), (202, &json!("open"), &json!(5)));
    let secret = opened["secret"].as_str();
    let (status, body) = api.call("GET", "/recovery", secret, Value::Null).await;
    assert_eq!((status, &body["status"]), (200, &json!("open")));
    let (status, body) =
        api.call("POST", "/recovery/code", secret, json!({ "code": api.stage.codes[0] })).await;
    assert_eq!((status, &body["status"]), (200, &json!("proven")));
    let (status, body) = api
        .call("POST", "/recovery/password", secret, json!({ "oldPassword": OLD, "password": "short" }))
        .await;
    assert_eq!((status, &body["code"]), (422, &json!("password-not-accepted")));
    let (status, body) =
        api.call("POST", "/recovery/password", secret, json!({ "oldPassword": OLD, "password": NEW })).await;
    assert_eq!((status, &body["status"]), (200, &json!("recovered")));
    let (status, body) = api.call("POST", "/recovery/cancel", secret, Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("recovery-ended")));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_name() {
    let api = api().await;
    let cases = [
        ("POST", "/recovery", json!({ "username": "alex" }), 422, "field-not-valid"),
        ("POST", "/recovery", json!({ "username": "", "password": "x" }), 422, "field-not-valid"),
        ("POST", "/recovery", json!({ "username": "a", "password": "x", "y": 1 }), 422, "field-not-valid"),
        ("GET", "/recovery", Value::Null, 404, "recovery-not-found"),
        ("POST", "/recovery/code", json!({ "code": "x" }), 404, "recovery-not-found"),
        ("DELETE", "/recovery", Value::Null, 405, "method-not-allowed"),
        ("POST", "/recovery/other", Value::Null, 404, "route-not-found"),
    ];
    for (method, path, body, status, code) in cases {
        let (answered, problem) = api.call(method, path, None, body).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{method} {path}");
    }
}

#[tokio::test]
async fn an_address_has_twenty_tries_an_hour() {
    let api = api().await;
    for number in 0..20 {
        let begin = json!({ "username": format!("user-{number}"), "password": "x" });
        assert_eq!(api.call("POST", "/recovery", None, begin).await.0, 202, "{number}");
    }
    let begin = json!({ "username": "alex", "password": OLD });
    let (status, problem) = api.call("POST", "/recovery", None, begin.clone()).await;
    assert_eq!((status, &problem["code"]), (429, &json!("too-many-requests")));
    api.stage.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(api.call("POST", "/recovery", None, begin).await.0, 202);
}

#[tokio::test]
async fn a_failure_reveals_nothing_and_closed_recovery_says_so() {
    let api = api().await;
    api.stage.accounts.fail_after(Some(0));
    let begin = json!({ "username": "alex", "password": OLD });
    let (status, problem) = api.call("POST", "/recovery", None, begin.clone()).await;
    assert_eq!((status, &problem["code"]), (503, &json!("temporarily-unavailable")));
    let ask = json!({ "ask": "open", "userName": "alex", "password": OLD });
    let answer = decide(None, ask).await.unwrap();
    assert_eq!(answer, json!({ "answer": "refused", "code": "recovery-closed" }));
    assert!(decide(None, json!({ "ask": "own" })).await.is_err());
}

const BY_MAIL: &str = "[recovery.email]\nopen = true";
const PAGE: &str = "https://api.example.com/recovery/stop";
const WAIT: SignedDuration = SignedDuration::from_hours(72);

impl Stage {
    async fn mail(&self, secret: &str) -> RecoveryReply {
        self.handle(RecoveryCommand::Mail { secret: secret.into(), page: PAGE.into() }).await
    }

    /// Opens a case and starts its wait. Returns the case's secret.
    async fn waiting(&self) -> String {
        let secret = self.open("alex", OLD).await;
        assert_eq!(status(&self.mail(&secret).await), Some(CaseStatus::Waiting));
        secret
    }

    fn mailed(secret: &str) -> MailedRecovery {
        let key = CaseSecret::parse(secret).unwrap().key(&hash_key());
        MailedRecovery::new(recovery_key(), key.as_str())
    }

    async fn mailed_code(&self, secret: &str) -> RecoveryReply {
        self.code(secret, &Self::mailed(secret).code()).await
    }

    async fn stop(&self, secret: &str) -> RecoveryReply {
        let case = CaseSecret::parse(secret).unwrap().key(&hash_key()).as_str().to_owned();
        self.handle(RecoveryCommand::Stop { case, stop_token: Self::mailed(secret).stop_token() }).await
    }

    fn has_old_password_and_factor(&self) -> bool {
        let user = self.accounts.user("alex");
        user.password == OLD && user.account.profile.factors.enabled.contains(&PoolFactor::Totp)
    }
}

#[tokio::test]
async fn by_policy_a_mailed_code_recovers_after_three_days() {
    let closed = stage(&[PoolFactor::Totp]).await;
    let secret = closed.open("alex", OLD).await;
    assert_eq!(refusal(&closed.mail(&secret).await), "recovery-closed", "off by default");

    let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
    let secret = stage.waiting().await;
    let told: Vec<_> = stage.notices().into_iter().map(|(notice, channel, _)| (notice, channel)).collect();
    let waiting = Notice::RecoveryWaiting;
    assert_eq!(told[1..], [(waiting, Channel::Email), (waiting, Channel::Sms)], "at every verified address");
    assert_eq!(status(&stage.mail(&secret).await), Some(CaseStatus::Waiting), "said again");
    assert_eq!(stage.notices().len(), 3, "and told once");

    assert_eq!(refusal(&stage.finish(&secret, NEW).await), "recovery-not-proven");
    assert_eq!(refusal(&stage.mailed_code(&secret).await), "recovery-waiting");
    stage.clock.advance(WAIT - SignedDuration::from_secs(1));
    assert_eq!(refusal(&stage.mailed_code(&secret).await), "recovery-waiting");
    stage.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(refusal(&stage.code(&secret, &stage.codes[0]).await), "code-wrong", "not the mailed one");
    assert_eq!(status(&stage.mailed_code(&secret).await), Some(CaseStatus::Proven));
    assert_eq!(status(&stage.finish(&secret, NEW).await), Some(CaseStatus::Recovered));
    assert!(stage.accounts.user("alex").account.profile.factors.enabled.is_empty());
    let events =
        [RecoveryEvent::Opened, RecoveryEvent::Waiting, RecoveryEvent::Begun, RecoveryEvent::Recovered];
    assert_eq!(stage.events(), events);
    // The mailed code of one case does not fit another.
    stage.accounts.change("alex", |user| user.account.profile.factors.enabled = [PoolFactor::Totp].into());
    let other = stage.open("alex", NEW).await;
    stage.mail(&other).await;
    stage.clock.advance(WAIT);
    assert_eq!(refusal(&stage.code(&other, &Stage::mailed(&secret).code()).await), "code-wrong");
    // The case ends a week after the wait.
    stage.clock.advance(SignedDuration::from_hours(7 * 24));
    assert_eq!(refusal(&stage.mailed_code(&other).await), "recovery-not-found");
}

#[tokio::test]
async fn a_sign_in_ends_the_wait_before_the_code_and_after_it() {
    for after_code in [false, true] {
        let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
        // A sign-in before the wait does not object to the recovery.
        stage.table.complete(&alex(), stage.clock_now()).await.unwrap();
        stage.clock.advance(SignedDuration::from_secs(1));
        let secret = stage.waiting().await;
        stage.clock.advance(WAIT);
        if after_code {
            assert_eq!(status(&stage.mailed_code(&secret).await), Some(CaseStatus::Proven));
        }
        stage.table.complete(&alex(), stage.clock_now()).await.unwrap();
        let refused = if after_code {
            stage.finish(&secret, NEW).await
        } else {
            let refused = stage.mailed_code(&secret).await;
            assert_eq!(stage.events().last(), Some(&RecoveryEvent::EndedByOwner));
            assert_eq!(refusal(&stage.mailed_code(&secret).await), "recovery-ended", "for good");
            refused
        };
        assert_eq!(refusal(&refused), "recovery-ended", "{after_code}");
        assert!(stage.has_old_password_and_factor());
    }
}

#[tokio::test]
async fn the_owner_s_link_ends_the_wait_and_no_other_does() {
    let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
    let secret = stage.waiting().await;
    let other = stage.waiting().await;
    let case = |secret: &str| CaseSecret::parse(secret).unwrap().key(&hash_key()).as_str().to_owned();
    for (case, stop_token) in [
        (case(&secret), Stage::mailed(&other).stop_token()),
        (case(&secret), String::new()),
        (case(&secret), case(&secret)),
        ("x".into(), Stage::mailed(&secret).stop_token()),
        ("0".repeat(32), Stage::mailed(&secret).stop_token()),
    ] {
        assert_eq!(
            refusal(&stage.handle(RecoveryCommand::Stop { case, stop_token }).await),
            "recovery-not-found"
        );
    }
    assert_eq!(
        status(&stage.handle(RecoveryCommand::Look { secret: secret.clone() }).await),
        Some(CaseStatus::Waiting)
    );
    assert_eq!(status(&stage.stop(&secret).await), Some(CaseStatus::Cancelled));
    assert_eq!(status(&stage.stop(&secret).await), Some(CaseStatus::Cancelled), "clicked again");
    let stopped = stage.events().into_iter().filter(|event| *event == RecoveryEvent::Stopped).count();
    assert_eq!(stopped, 1);
    stage.clock.advance(WAIT);
    assert_eq!(refusal(&stage.mailed_code(&secret).await), "recovery-ended");
    assert_eq!(status(&stage.mailed_code(&other).await), Some(CaseStatus::Proven), "the other one goes on");
    assert!(stage.has_old_password_and_factor());
}

/// An attacker who has just taken over the mailbox, or reset the password with it, cannot use mailed
/// recovery.
#[tokio::test]
async fn not_within_a_week_of_a_reset_or_a_change() {
    type Touch = fn(&Stage, Timestamp);
    let reset: Touch = |stage, at| {
        futures::executor::block_on(stage.table.password_reset(&alex(), at)).unwrap();
    };
    let change: Touch = |stage, at| {
        stage.accounts.change("alex", |user| user.account.modified_at = Some(at));
    };
    let hidden: Touch = |stage, _| stage.accounts.change("alex", |user| user.account.modified_at = None);
    let moved: Touch = |stage, _| {
        stage.accounts.change("alex", |user| user.account.profile.contacts.email = None);
    };
    let week = SignedDuration::from_hours(7 * 24);
    let almost = week - SignedDuration::from_secs(1);
    for (name, touch, ago, is_real) in [
        ("reset", reset, almost, false),
        ("reset, before", reset, week, true),
        ("change", change, almost, false),
        ("change, before", change, week, true),
        ("no word on it", hidden, week, false),
        ("no mailbox", moved, week, false),
    ] {
        let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
        touch(&stage, stage.clock_now() - ago);
        let secret = stage.waiting().await;
        assert_eq!(stage.notices().len(), if is_real { 3 } else { 1 }, "{name}");
        stage.clock.advance(WAIT);
        let answer = stage.mailed_code(&secret).await;
        let expected = if is_real { "" } else { "code-wrong" };
        assert_eq!(refusal(&answer), expected, "{name}");
    }
    // The change happens during the wait.
    for (name, touch) in [("reset", reset), ("change", change)] {
        let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
        let secret = stage.waiting().await;
        stage.clock.advance(WAIT);
        touch(&stage, stage.clock_now() - SignedDuration::from_hours(1));
        assert_eq!(refusal(&stage.mailed_code(&secret).await), "recovery-ended", "{name}");
        assert!(stage.has_old_password_and_factor());
    }
}

#[tokio::test]
async fn a_decoy_wait_looks_and_takes_the_same() {
    let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
    let mut seen = Vec::new();
    for (name, password) in [("alex", OLD), ("alex", "wrong"), ("nobody", OLD)] {
        let secret = stage.open(name, password).await;
        stage.accounts.calls();
        let before = stage.queue.taken().len();
        let mut answers = vec![stage.mail(&secret).await, stage.mailed_code(&secret).await];
        let messages = stage.queue.taken().len() - before;
        stage.clock.advance(WAIT);
        for _ in 0..6 {
            answers.push(stage.code(&secret, &stage.codes[9].replace(|c| c != '-', "7")).await);
        }
        seen.push((stage.accounts.calls(), messages, answers));
        stage.clock.advance(-WAIT);
    }
    for other in &seen[1..] {
        assert_eq!(*other, seen[0]);
    }
    let nowhere = stage.open("alex", "wrong").await;
    stage.mail(&nowhere).await;
    stage.clock.advance(WAIT);
    assert_eq!(refusal(&stage.mailed_code(&nowhere).await), "code-wrong", "the password was not right");
}

/// Every call to Cognito and every message fails once. Repeated requests start one wait, with one notice.
#[tokio::test]
async fn a_wait_that_failed_half_way_is_begun_by_asking_again() {
    let mut calls = 0;
    loop {
        let stage = stage_with(&[PoolFactor::Totp], BY_MAIL).await;
        let secret = stage.open("alex", OLD).await;
        stage.accounts.fail_after(Some(calls));
        let first =
            stage.service.handle(&RecoveryCommand::Mail { secret: secret.clone(), page: PAGE.into() }).await;
        stage.accounts.fail_after(None);
        assert_eq!(status(&stage.mail(&secret).await), Some(CaseStatus::Waiting), "{calls}");
        let mut ids: Vec<_> = stage.notices().into_iter().map(|(_, _, id)| id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{calls}: the opening, and one of the wait at each address");
        assert_eq!(stage.events(), [RecoveryEvent::Opened, RecoveryEvent::Waiting]);
        if first.is_ok() {
            assert!(calls >= 2, "{calls}");
            break;
        }
        calls += 1;
    }
}
