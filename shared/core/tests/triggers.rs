//! The triggers on in-memory ports.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    audit::AuditAction,
    config::{self, Policy, RecoveryClient},
    custom_auth::{CustomAuthSettings, port::NativeEnrolment, token_gate::TokenGate},
    delivery::{
        MessageQueue, Notice, OutboundMessage,
        toll_fraud::{Destination, Governor, GovernorSettings},
    },
    factors::{
        custom::{CustomFactorStore as _, DeviceKey, FactorId, TrustedDevice},
        enrolment::FriendlyDeviceName,
    },
    kernel::{EmailAddress, PortError, Refusal, UserId},
    rules::{RuleQuestion, RuleVerdict, Rules},
    sign_in::{Attempt, BackOff, SignInGuard, SignInLedger, SignInSettings, Subject},
    sign_up::{Availability, ConfirmedUsers, Recorded, UniqueSettings},
    trigger::{
        PostAuthentication, PostConfirmation, PreAuthentication, PreTokenGeneration, SignInRecorder, answer,
    },
};
use mfa_testkit::{InMemoryMessageQueue, InMemoryTable, ManualClock, SeededEntropy};
use serde_json::{Value, json};

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

fn event(source: &str) -> Value {
    json!({
        "version": "1", "triggerSource": source, "userName": SUB, "future": null,
        "request": { "userAttributes": { "sub": SUB, "email": "alex@example.com" }, "validationData": null },
        "response": {},
    })
}

fn parts() -> (Arc<InMemoryTable>, UserId) {
    (Arc::default(), UserId::parse(SUB).unwrap())
}

fn governor(table: &Arc<InMemoryTable>) -> Governor {
    let lookup = |name: &str| (name == "MFA_HASH_KEY").then(|| "k".repeat(64));
    let settings = config::load(&lookup, GovernorSettings::read).unwrap();
    settings.governor(table.clone())
}

/// Builds a guard with the `[sign_in]` of an operator's policy.
fn guard(ledger: Arc<dyn SignInLedger>, policy: &str) -> SignInGuard {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), format!("[sign_in]\n{policy}")).unwrap();
    let lookup = |name: &str| match name {
        "MFA_CONFIG_DIR" => folder.path().to_str().map(str::to_owned),
        "MFA_HASH_KEY" => Some("k".repeat(64)),
        _ => None,
    };
    config::load(&lookup, SignInSettings::read).unwrap().guard(ledger)
}

fn pre_authentication(table: &Arc<InMemoryTable>, policy: &str) -> PreAuthentication {
    let clock = Arc::new(ManualClock::at(NOW));
    PreAuthentication::new(guard(table.clone(), policy), None, clock)
}

fn post_authentication(table: &Arc<InMemoryTable>) -> PostAuthentication {
    let clock = Arc::new(ManualClock::at(NOW));
    let entropy = Arc::new(SeededEntropy::new(1));
    PostAuthentication::new(table.clone(), governor(table), table.clone(), None, clock, entropy)
}

fn post_confirmation(table: &Arc<InMemoryTable>) -> PostConfirmation {
    let clock = Arc::new(ManualClock::at(NOW));
    PostConfirmation::new(table.clone(), table.clone(), table.clone(), governor(table), None, clock)
}

#[tokio::test]
async fn attempts_are_counted_until_a_completed_sign_in() {
    let (table, user) = parts();
    let pre = pre_authentication(&table, "");
    for _ in 0..3 {
        let given = event("PreAuthentication_Authentication");
        assert_eq!(answer(&pre, given.clone()).await.unwrap(), given);
    }
    let subject = Subject::User(user.clone());
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 4);

    let post = post_authentication(&table);
    let given = event("PostAuthentication_Authentication");
    assert_eq!(answer(&post, given.clone()).await.unwrap(), given);
    assert_eq!(table.last_sign_in(&user), Some(NOW));
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 1);
}

/// Every user has a pool factor.
#[derive(Debug)]
struct Enrolled;

#[async_trait]
impl NativeEnrolment for Enrolled {
    async fn has_native_factor(&self, _: &str) -> Result<bool, PortError> {
        Ok(true)
    }
}

#[tokio::test]
async fn the_recovery_client_counts_nothing_and_gets_no_token() {
    let (table, user) = parts();
    let at = |source, client| {
        let mut event = event(source);
        event["callerContext"] = json!({ "clientId": client });
        event
    };
    let recovery = || RecoveryClient::of("recovery");
    let pre = pre_authentication(&table, "").with_recovery_client(recovery());
    let post = post_authentication(&table).with_recovery_client(recovery());
    let lookup = |name: &str| (name == "MFA_APP_CLIENTS").then(|| "native=recovery,other=web".to_owned());
    let settings = config::load(&lookup, CustomAuthSettings::read).unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let gate = TokenGate::new(settings, table.clone(), table.clone(), Arc::new(Enrolled), clock.clone());
    let recorder = SignInRecorder::new(Vec::new(), table.clone(), clock);
    let gate =
        PreTokenGeneration::new(gate.with_recovery_client(recovery()), Policy::default().tokens, recorder);

    let subject = Subject::User(user.clone());
    answer(&pre, at("PreAuthentication_Authentication", "recovery")).await.unwrap();
    answer(&post, at("PostAuthentication_Authentication", "recovery")).await.unwrap();
    assert_eq!(table.last_sign_in(&user), None);
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 1, "the attempt before was none");
    for source in ["TokenGeneration_Authentication", "TokenGeneration_RefreshTokens"] {
        let refused = answer(&gate, at(source, "recovery")).await;
        assert_eq!(refused, Err(Refusal::AppClientUnknown), "{source}");
        answer(&gate, at(source, "web")).await.unwrap();
    }
    answer(&pre, at("PreAuthentication_Authentication", "web")).await.unwrap();
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 3);
}

#[tokio::test]
async fn an_unknown_user_is_counted_too_and_passes() {
    let (table, _) = parts();
    let pre = pre_authentication(&table, "");
    let given = json!({
        "triggerSource": "PreAuthentication_Authentication", "userName": "nobody@example.com",
        "request": { "userAttributes": {}, "userNotFound": true }, "response": {},
    });
    assert_eq!(answer(&pre, given.clone()).await.unwrap(), given);
    let shard = Subject::unknown("nobody@example.com");
    assert_eq!(table.count_attempt(&shard, NOW).await.unwrap(), 2);
}

#[tokio::test]
async fn a_closed_sign_in_refuses_known_and_unknown_alike() {
    let (table, _) = parts();
    let pre = pre_authentication(&table, "open = false");
    assert_eq!(answer(&pre, event("PreAuthentication_Authentication")).await, Err(Refusal::SignInClosed));
    assert_eq!(answer(&pre, json!({ "userName": "nobody" })).await, Err(Refusal::SignInClosed));
}

#[tokio::test]
async fn a_dead_table_fails_no_sign_in_and_no_confirmation() {
    let (table, _) = parts();
    table.fail();
    let pre = pre_authentication(&table, "");
    assert!(answer(&pre, event("PreAuthentication_Authentication")).await.is_ok());
    let post = post_authentication(&table);
    assert!(answer(&post, event("PostAuthentication_Authentication")).await.is_ok());
    let confirmation = post_confirmation(&table);
    assert!(answer(&confirmation, event("PostConfirmation_ConfirmSignUp")).await.is_ok());
    assert!(answer(&confirmation, event("PostConfirmation_ConfirmForgotPassword")).await.is_ok());
}

/// A ledger whose table never answers.
#[derive(Debug)]
struct Hangs;

#[async_trait::async_trait]
impl SignInLedger for Hangs {
    async fn count_attempt(&self, _: &Subject, _: Timestamp) -> Result<u32, mfa_core::kernel::PortError> {
        std::future::pending().await
    }
    async fn attempt(
        &self,
        _: &Subject,
        _: &BackOff,
        _: Timestamp,
    ) -> Result<Attempt, mfa_core::kernel::PortError> {
        std::future::pending().await
    }
    async fn complete(&self, _: &UserId, _: Timestamp) -> Result<(), mfa_core::kernel::PortError> {
        std::future::pending().await
    }
    async fn reset(&self, _: &UserId) -> Result<(), mfa_core::kernel::PortError> {
        std::future::pending().await
    }
    async fn password_reset(&self, _: &UserId, _: Timestamp) -> Result<(), mfa_core::kernel::PortError> {
        std::future::pending().await
    }
}

#[async_trait::async_trait]
impl MessageQueue for Hangs {
    async fn enqueue(&self, _: &OutboundMessage) -> Result<(), mfa_core::kernel::PortError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_table_costs_a_sign_in_its_limit_and_no_more() {
    let clock = Arc::new(ManualClock::at(NOW));
    let started = tokio::time::Instant::now();
    let pre = PreAuthentication::new(guard(Arc::new(Hangs), ""), None, clock.clone());
    assert!(answer(&pre, event("PreAuthentication_Authentication")).await.is_ok());
    assert_eq!(started.elapsed().as_millis(), 1_500);
    let (table, entropy) = (Arc::<InMemoryTable>::default(), Arc::new(SeededEntropy::new(1)));
    let post = PostAuthentication::new(
        Arc::new(Hangs),
        governor(&table),
        table,
        Some(Arc::new(Hangs)),
        clock,
        entropy,
    );
    let mut with_new_device = event("PostAuthentication_Authentication");
    with_new_device["request"]["newDeviceUsed"] = true.into();
    with_new_device["request"]["userAttributes"]["email_verified"] = "true".into();
    assert!(answer(&post, with_new_device).await.is_ok());
    assert_eq!(started.elapsed().as_millis(), 2_000, "a courier that hangs included");
}

#[tokio::test]
async fn a_confirmation_is_stored_once_and_a_reset_clears_counts() {
    let (table, user) = parts();
    let trigger = post_confirmation(&table);
    for _ in 0..3 {
        answer(&trigger, event("PostConfirmation_ConfirmSignUp")).await.unwrap();
    }
    assert_eq!(table.record(&user, NOW).await.unwrap(), Recorded::Before);

    let kept = table.custom_factors(&user).await.unwrap();
    assert_eq!(kept.factor_epoch, 0, "a sign-up changes nothing that proves");
    let device = TrustedDevice {
        name: FriendlyDeviceName::parse("Laptop").unwrap(),
        key: DeviceKey::from_coordinates(
            // The key of RFC 7517, A.1.
            "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        )
        .unwrap(),
        created_at: NOW,
        expires_at: NOW + SignedDuration::from_hours(1),
    };
    let id = FactorId::new(&SeededEntropy::new(1)).unwrap();
    let change = kept.register_device(id, device, NOW).unwrap();
    table.change(&user, kept.revision, &change).await.unwrap();

    let subject = Subject::User(user.clone());
    table.count_attempt(&subject, NOW).await.unwrap();
    answer(&trigger, event("PostConfirmation_ConfirmForgotPassword")).await.unwrap();
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 1);
    let after = table.custom_factors(&user).await.unwrap();
    assert!(after.devices.is_empty(), "a new password ends the trust in devices");
    assert_eq!(after.factor_epoch, 2, "and every sign-in under way");
}

#[tokio::test]
async fn a_new_device_is_noted_and_a_known_one_is_not() {
    let (table, user) = parts();
    let post = post_authentication(&table);
    for (new_device, lines) in [(json!(false), 0), (Value::Null, 0), (json!(true), 1)] {
        let mut given = event("PostAuthentication_Authentication");
        given["request"]["newDeviceUsed"] = new_device;
        assert_eq!(answer(&post, given.clone()).await.unwrap(), given);
        assert_eq!(table.audit().len(), lines, "{given}");
    }
    let noted = table.audit().remove(0);
    assert_eq!((noted.user, noted.at, noted.action), (user, NOW, AuditAction::NewDeviceUsed));
}

#[tokio::test]
async fn a_new_device_is_notified_once_at_a_verified_address() {
    let (table, user) = parts();
    let (queue, clock) = (Arc::<InMemoryMessageQueue>::default(), Arc::new(ManualClock::at(NOW)));
    let entropy = Arc::new(SeededEntropy::new(1));
    let post = PostAuthentication::new(
        table.clone(),
        governor(&table),
        table.clone(),
        Some(queue.clone()),
        clock.clone(),
        entropy,
    );
    let signs_in = async |new_device: bool, verified: &str| {
        let mut given = event("PostAuthentication_Authentication");
        given["request"]["newDeviceUsed"] = new_device.into();
        given["request"]["userAttributes"]["email_verified"] = verified.into();
        given["request"]["userAttributes"]["locale"] = "de".into();
        assert_eq!(answer(&post, given.clone()).await.unwrap(), given);
    };
    signs_in(false, "true").await;
    signs_in(true, "false").await;
    assert!(queue.taken().is_empty());
    // Cognito may deliver one event three times.
    for _ in 0..3 {
        signs_in(true, "true").await;
    }
    let told: Vec<_> = queue.taken().into_iter().collect();
    let notices: Vec<_> = told
        .iter()
        .map(|message| match message {
            OutboundMessage::Notification(notice) => notice,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(notices.len(), 3);
    assert!(notices.iter().all(|notice| notice.id == notices[0].id), "one message, by its identity");
    let notice = notices[0];
    assert_eq!((notice.notice, notice.at, &notice.to.user), (Notice::NewDevice, NOW, &user));
    assert_eq!(notice.to.destination, Destination::Email(EmailAddress::parse("alex@example.com").unwrap()));
    assert_eq!(notice.to.locales, ["de"]);
    clock.advance(SignedDuration::from_mins(1));
    signs_in(true, "true").await;
    let Some(OutboundMessage::Notification(later)) = queue.taken().pop() else { panic!("a notice") };
    assert_ne!(later.id, notice.id, "another sign-in");
}

/// The welcome is sent to a verified e-mail address. It has one identity however often the event comes. A
/// password reset sends none, and neither does a policy without it.
#[tokio::test(start_paused = true)]
async fn a_completed_sign_up_is_welcomed_where_policy_says_so() {
    let (table, user) = parts();
    let queue = Arc::<InMemoryMessageQueue>::default();
    let confirms = async |trigger: &PostConfirmation, source: &str, verified: &str| {
        let mut given = event(source);
        given["request"]["userAttributes"]["email_verified"] = verified.into();
        given["request"]["userAttributes"]["locale"] = "de".into();
        assert_eq!(answer(trigger, given.clone()).await.unwrap(), given);
    };
    confirms(&post_confirmation(&table), "PostConfirmation_ConfirmSignUp", "true").await;
    let welcoming = post_confirmation(&table).with_welcome(Some(queue.clone()));
    confirms(&welcoming, "PostConfirmation_ConfirmSignUp", "false").await;
    confirms(&welcoming, "PostConfirmation_ConfirmForgotPassword", "true").await;
    assert!(queue.taken().is_empty(), "{:?}", queue.taken());
    for _ in 0..3 {
        confirms(&welcoming, "PostConfirmation_ConfirmSignUp", "true").await;
    }
    let mut messages = queue.taken();
    assert_eq!(messages.len(), 3);
    messages.dedup();
    let [OutboundMessage::Notification(notice)] = messages.as_slice() else {
        panic!("one message: {messages:?}")
    };
    assert_eq!(
        (notice.notice, &notice.to.user, &notice.to.locales),
        (Notice::Welcome, &user, &vec!["de".into()])
    );
    assert_eq!(notice.to.destination, Destination::Email(EmailAddress::parse("alex@example.com").unwrap()));
    // The welcome is best effort: a queue that fails or hangs fails no confirmation.
    queue.fail();
    confirms(&welcoming, "PostConfirmation_ConfirmSignUp", "true").await;
    let started = tokio::time::Instant::now();
    let hanging = post_confirmation(&table).with_welcome(Some(Arc::new(Hangs)));
    confirms(&hanging, "PostConfirmation_ConfirmSignUp", "true").await;
    assert_eq!(started.elapsed().as_millis(), 2_500);
}

const ENFORCE: &str = "enforce = true\n";

#[tokio::test]
async fn throttling_is_the_same_for_known_and_unknown_names() {
    let (table, _) = parts();
    let clock = Arc::new(ManualClock::at(NOW));
    let pre = PreAuthentication::new(guard(table.clone(), ENFORCE), None, clock.clone());
    let nobody = |name: &str| {
        json!({
            "triggerSource": "PreAuthentication_Authentication", "userName": name,
            "request": { "userAttributes": {}, "userNotFound": true }, "response": {},
        })
    };
    let passes = async |event: &Value| match answer(&pre, event.clone()).await {
        Ok(_) => true,
        Err(refusal) => {
            assert_eq!(refusal, Refusal::TooManyAttempts);
            false
        }
    };
    let known = event("PreAuthentication_Authentication");
    // An unknown name waits as long as a known one, in upper and lower case.
    let unknown = [nobody("Nobody@example.com"), nobody("nobody@EXAMPLE.com")];
    let mut passed_at = Vec::new();
    for second in 0_usize..2_000 {
        for knock in second..second + 2 {
            let admitted = passes(&known).await;
            assert_eq!(passes(&unknown[knock % 2]).await, admitted, "after {second} s");
            if admitted {
                passed_at.push(second);
            }
        }
        clock.advance(SignedDuration::from_secs(1));
    }
    // Five attempts pass at once (two a second), then attempts 1, 2, 4, … s apart, however many come
    // meanwhile.
    assert_eq!(passed_at, [0, 0, 1, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1_025, 1_925]);
    assert!(passes(&nobody("another@example.com")).await, "nobody's other name");

    assert!(answer(&post_authentication(&table), event("PostAuthentication_Authentication")).await.is_ok());
    assert!(passes(&known).await, "a completed sign-in ends it");
    assert!(!passes(&unknown[0]).await);
}

/// Rules come first. A sign-in that they refuse is not counted, so that a rule locks no user out.
#[tokio::test]
async fn a_refusal_by_a_rule_is_no_attempt() {
    #[derive(Debug)]
    struct Closed;
    impl Rules for Closed {
        fn decide(&self, question: &RuleQuestion<'_>) -> RuleVerdict {
            assert_eq!(question.action, mfa_core::rules::RuleAction::SignIn);
            RuleVerdict::Refused { rule: "closed:1".into(), message: None }
        }
    }
    let (table, user) = parts();
    let clock = Arc::new(ManualClock::at(NOW));
    let pre = PreAuthentication::new(guard(table.clone(), ENFORCE), Some(Arc::new(Closed)), clock);
    for _ in 0..20 {
        let outcome = answer(&pre, event("PreAuthentication_Authentication")).await;
        assert_eq!(outcome, Err(Refusal::SignInNotPossible));
    }
    assert_eq!(table.count_attempt(&Subject::User(user), NOW).await.unwrap(), 1);
}

#[tokio::test]
async fn only_a_verified_address_becomes_an_account_s_own() {
    let (table, _) = parts();
    let policy = "[sign_up.unique]\nemail = true\n";
    let unique = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let lookup = |name: &str| match name {
            "MFA_CONFIG_DIR" => folder.path().to_str().map(str::to_owned),
            "MFA_HASH_KEY" => Some("k".repeat(64)),
            _ => None,
        };
        config::load(&lookup, UniqueSettings::read).unwrap().unwrap().addresses(table.clone())
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let trigger = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(&table),
        Some(unique()),
        clock.clone(),
    );
    let email = EmailAddress::parse("Alex@example.com").unwrap();
    let is_free =
        async || unique().claim("sam", Some(&email), None, NOW).await.unwrap() == Availability::Free;
    for (verified, stays_free) in [(json!("false"), true), (Value::Null, true), (json!("true"), false)] {
        let mut given = event("PostConfirmation_ConfirmSignUp");
        given["request"]["userAttributes"]["email_verified"] = verified;
        answer(&trigger, given).await.unwrap();
        assert_eq!(is_free().await, stays_free);
    }
}
