//! The custom senders on in-memory ports, with genuine sealed codes (events/). The tests check which messages
//! are sent, how often, and the result if a process dies on the way.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use data_encoding::BASE64;
use futures::future::join_all;
use jiff::Timestamp;
use mfa_core::{
    audit::AuditAction,
    config::{self, Policy},
    delivery::{
        ChannelProviders, SenderDependencies, SenderSettings,
        provider_chain::{Email, Provider, ProviderChain, ProviderFault, Sms},
        sealed::{DataKeyCiphertext, DataKeys},
        send_leases::{DeliveryId, Lease, SendFailure, SendLeases, SendOutcome},
        send_request::{FoundUser, VerifiedEmails},
        toll_fraud::NotSent,
    },
    kernel::{EmailAddress, PortError, Refusal, UserId},
    trigger::{CustomSender, answer},
};
use mfa_testkit::{InMemoryTable, SeededEntropy, TokioClock};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep, timeout};
use zeroize::Zeroizing;

const POOL: &str = "us-east-1_ExamplePl";
const NAME_OF_NO_ID: &str = "jürgen";
const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

fn event(name: &str) -> Value {
    let file = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn keys() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/esdk-keys.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The points where a delivery can die. A delivery that hangs for ever looks the same to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    BeforeClaim,
    AfterClaim,
    InKms,
    BeforeAcceptance,
    AfterAcceptance,
    BeforeNote,
    AfterNote,
}

/// The services around the senders. They are a KMS that knows the sample events' keys, a provider with an
/// outbox, and a table that can be stopped at a step.
#[derive(Debug, Default)]
struct World {
    table: Arc<InMemoryTable>,
    /// The step that stops the next delivery.
    stop: Mutex<Option<Step>>,
    kms_fails: AtomicBool,
    sent: Mutex<Vec<(String, String)>>,
}

impl World {
    async fn reach(&self, step: Step) {
        let stopped = {
            let mut stops = self.stop.lock().unwrap();
            if *stops == Some(step) { stops.take() } else { None }
        };
        if stopped.is_some() {
            std::future::pending::<()>().await;
        }
    }

    fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap().clone()
    }

    fn accept(&self, to: &str, text: &str) {
        self.sent.lock().unwrap().push((to.to_owned(), text.to_owned()));
    }
}

#[async_trait]
impl DataKeys for World {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        self.reach(Step::InKms).await;
        if self.kms_fails.load(Ordering::Relaxed) {
            return Err(PortError::new("kms.Decrypt", "KMSInternalException"));
        }
        let keys = keys();
        let known = keys["events"].as_object().unwrap().values().find(|sample| {
            let context: BTreeMap<String, String> =
                serde_json::from_value(sample["encryption_context"].clone()).unwrap();
            sample["edk_ciphertext_b64"] == BASE64.encode(sealed.ciphertext) && context == *sealed.context
        });
        let known = known.ok_or_else(|| PortError::new("kms.Decrypt", "InvalidCiphertextException"))?;
        let key = BASE64.decode(known["data_key_b64"].as_str().unwrap().as_bytes()).unwrap();
        Ok(Zeroizing::new(key.try_into().unwrap()))
    }
}

#[async_trait]
impl SendLeases for World {
    async fn acquire(&self, id: &DeliveryId, now: Timestamp, until: Timestamp) -> Result<Lease, PortError> {
        self.reach(Step::BeforeClaim).await;
        let lease = self.table.acquire(id, now, until).await;
        self.reach(Step::AfterClaim).await;
        lease
    }

    async fn complete(
        &self,
        id: &DeliveryId,
        attempt: u32,
        outcome: SendOutcome,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.reach(Step::BeforeNote).await;
        self.table.complete(id, attempt, outcome, now).await?;
        self.reach(Step::AfterNote).await;
        Ok(())
    }
}

#[async_trait]
impl VerifiedEmails for World {
    async fn verified_email(&self, user_name: &str) -> Result<Option<FoundUser>, PortError> {
        assert_eq!(user_name, NAME_OF_NO_ID, "the user of the fact USER_NAME");
        let user = UserId::parse("a1b2c3d4-5678-40ab-9cde-f0123456789a").unwrap();
        let email = EmailAddress::parse("alex@example.com").unwrap();
        Ok(Some(FoundUser { user, email, locale: Some("de".to_owned()) }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Takes,
    Hangs,
    Fails,
    Rejects,
    OptedOut,
}

struct Scripted(&'static str, Behaviour, Arc<World>);

impl Scripted {
    async fn take(&self, to: &str, text: &str) -> Result<(), ProviderFault> {
        match self.1 {
            Behaviour::Takes => {
                self.2.reach(Step::BeforeAcceptance).await;
                self.2.accept(to, text);
                self.2.reach(Step::AfterAcceptance).await;
                Ok(())
            }
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Fails => Err(PortError::new("provider.send", "InternalServerException").into()),
            Behaviour::Rejects => Err(ProviderFault::AddressRejected),
            Behaviour::OptedOut => Err(ProviderFault::OptedOut),
        }
    }
}

#[async_trait]
impl Provider<Sms> for Scripted {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn send(&self, sms: &Sms) -> Result<(), ProviderFault> {
        self.take(sms.to.expose(), sms.text.expose()).await
    }
}

#[async_trait]
impl Provider<Email> for Scripted {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn send(&self, email: &Email) -> Result<(), ProviderFault> {
        self.take(&email.to.expose(), &email.text.text).await
    }
}

fn settings(policy: Policy) -> SenderSettings {
    let arn = keys()["kms_key_arn"].as_str().unwrap().to_owned();
    let lookup = |name: &str| match name {
        "MFA_USER_POOL_ID" => Some(POOL.to_owned()),
        "MFA_CODE_KEY_ARN" => Some(arn.clone()),
        "MFA_HASH_KEY" => Some("k".repeat(64)),
        _ => None,
    };
    let mut settings = config::load(&lookup, SenderSettings::read).unwrap();
    settings.policy = policy;
    settings
}

fn dependencies(world: &Arc<World>, clock: &Arc<TokioClock>) -> SenderDependencies {
    SenderDependencies {
        leases: world.clone(),
        keys: Some(world.clone()),
        budgets: world.table.clone(),
        addresses: Some(world.clone()),
        trail: world.table.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
    }
}

struct Senders {
    world: Arc<World>,
    sms: CustomSender,
    email: CustomSender,
}

/// Builds senders with two SMS providers and one e-mail provider.
fn senders(first: Behaviour, second: Behaviour) -> Senders {
    let (world, clock) = (Arc::new(World::default()), Arc::new(TokioClock::at(NOW)));
    let policy = Policy::default();
    let entropy = Arc::new(SeededEntropy::new(2));
    let scripted = |name, behaviour| Arc::new(Scripted(name, behaviour, world.clone()));
    let sms = ProviderChain::new(
        vec![scripted("first", first), scripted("second", second)],
        policy.delivery.sms.clone(),
        entropy.clone(),
    );
    let email = ProviderChain::new(vec![scripted("mail", first)], policy.delivery.email.clone(), entropy);
    let sender = |providers| {
        CustomSender::new(settings(policy.clone()).sender(dependencies(&world, &clock), providers))
    };
    Senders { sms: sender(ChannelProviders::Sms(sms)), email: sender(ChannelProviders::Email(email)), world }
}

fn working() -> Senders {
    senders(Behaviour::Takes, Behaviour::Takes)
}

#[tokio::test(start_paused = true)]
async fn every_sample_event_is_one_message_with_its_code() {
    let keys = keys();
    let mut messages = 0;
    for (name, sample) in keys["events"].as_object().unwrap() {
        let senders = working();
        let sender = if name.starts_with("CustomSMSSender") { &senders.sms } else { &senders.email };
        let given = event(name.trim_end_matches(".json"));
        assert_eq!(answer(sender, given.clone()).await.unwrap(), given, "{name}");
        let sent = senders.world.sent();
        let plaintext = sample["plaintext"].as_str().unwrap();
        let code = plaintext.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        assert_eq!(sent.len(), 1, "{name}");
        assert!(sent[0].1.contains(&code), "{name}: {}", sent[0].1);
        messages += 1;
    }
    assert_eq!(messages, 14, "seven sources a channel");
}

/// Where addresses are user names, Cognito's own user name is an id, with which users do not sign in.
#[tokio::test(start_paused = true)]
async fn who_is_invited_reads_a_name_to_sign_in_with() {
    for (name, said) in [("a1b2c3d4-5678-40ab-9cde-f0123456789a", "alex@example.com"), ("alex", "alex")] {
        let senders = working();
        let mut given = event("CustomEmailSender_AdminCreateUser");
        given["userName"] = name.into();
        answer(&senders.email, given).await.unwrap();
        let text = &senders.world.sent()[0].1;
        assert!(text.lines().any(|line| line == format!("User name: {said}")), "{text}");
    }
}

/// Returns a risk notification with this event id, for a user whose name is no id.
fn risk(id: &str) -> Value {
    let mut risk = event("CustomEmailSender_AccountTakeOverNotification");
    let facts = &mut risk["request"]["userAttributes"];
    facts["EVENT_ID"] = id.into();
    facts["USER_NAME"] = NAME_OF_NO_ID.into();
    risk
}

/// An attacker who knows the name cannot suppress the notification by asking for a code first. The
/// notification delays no code of the owner.
#[tokio::test(start_paused = true)]
async fn a_risk_notification_finds_its_user_and_has_no_cool_down() {
    let senders = working();
    answer(&senders.email, event("CustomEmailSender_ForgotPassword")).await.unwrap();
    for given in [risk("one"), risk("one"), risk("two")] {
        answer(&senders.email, given).await.unwrap();
    }
    let sent = senders.world.sent();
    assert_eq!(sent.len(), 1 + 2, "told apart by its EVENT_ID");
    assert!(sent.iter().all(|(to, _)| to == "alex@example.com"));
    assert!(sent[1].1.starts_with("Es gab einen"), "in the user's locale: {}", sent[1].1);

    let senders = working();
    answer(&senders.email, risk("one")).await.unwrap();
    answer(&senders.email, event("CustomEmailSender_ForgotPassword")).await.unwrap();
    assert_eq!(senders.world.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_risk_notification_is_audited() {
    let senders = senders(Behaviour::Rejects, Behaviour::Rejects);
    answer(&senders.email, risk("one")).await.unwrap();
    let users: Vec<_> = senders.world.table.audit().into_iter().map(|entry| entry.user).collect();
    assert_eq!(users, [UserId::parse("a1b2c3d4-5678-40ab-9cde-f0123456789a").unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn fifty_overlapping_and_ten_later_deliveries_are_one_message() {
    let senders = working();
    let given = event("CustomSMSSender_Authentication");
    let overlapping = join_all((0..50).map(|_| answer(&senders.sms, given.clone()))).await;
    assert!(overlapping.iter().all(Result::is_ok));
    for _ in 0..10 {
        advance(Duration::from_secs(30)).await;
        answer(&senders.sms, given.clone()).await.unwrap();
    }
    assert_eq!(senders.world.sent().len(), 1);
}

#[rstest]
#[case(Step::BeforeClaim, 1)]
#[case(Step::AfterClaim, 1)]
#[case(Step::InKms, 1)]
#[case(Step::BeforeAcceptance, 1)]
#[case(Step::AfterAcceptance, 2)]
#[case(Step::BeforeNote, 2)]
#[case(Step::AfterNote, 1)]
#[tokio::test(start_paused = true)]
async fn a_lease_of_a_dead_worker_is_taken_over(#[case] step: Step, #[case] messages: usize) {
    let senders = working();
    let given = event("CustomSMSSender_SignUp");
    *senders.world.stop.lock().unwrap() = Some(step);
    // Dropping the future in the middle acts like a killed process. The others come a moment later, as
    // retries do.
    let died = timeout(Duration::from_millis(200), answer(&senders.sms, given.clone()));
    assert!(died.await.is_err(), "it should have died");
    let retries = join_all((0..2).map(|_| answer(&senders.sms, given.clone()))).await;
    assert!(retries.iter().all(Result::is_ok));
    assert_eq!(senders.world.sent().len(), messages);
}

/// The governor's decision stands even if the process that received it dies before it is noted.
#[tokio::test(start_paused = true)]
async fn a_withheld_message_stays_withheld_in_a_repeated_attempt() {
    let senders = working();
    // Three codes in a row need no wait.
    for source in ["SignUp", "ForgotPassword", "AdminCreateUser"] {
        answer(&senders.sms, event(&format!("CustomSMSSender_{source}"))).await.unwrap();
    }
    let held_off = event("CustomSMSSender_ResendCode");
    *senders.world.stop.lock().unwrap() = Some(Step::BeforeNote);
    let died = timeout(Duration::from_millis(200), answer(&senders.sms, held_off.clone()));
    assert!(died.await.is_err(), "it should have died");
    answer(&senders.sms, held_off).await.unwrap();
    assert_eq!(senders.world.sent().len(), 3);
    let reasons: Vec<_> = senders.world.table.outcomes();
    assert!(reasons.contains(&SendOutcome::Refused(NotSent::CoolDown)), "{reasons:?}");
}

/// A code that never went out causes no wait.
#[tokio::test(start_paused = true)]
async fn a_send_that_is_ended_by_its_deadline_is_given_back() {
    let senders = working();
    *senders.world.stop.lock().unwrap() = Some(Step::InKms);
    answer(&senders.sms, event("CustomSMSSender_SignUp")).await.unwrap();
    assert_eq!(senders.world.table.outcomes(), [SendOutcome::Failed(SendFailure::Unavailable)]);
    answer(&senders.sms, event("CustomSMSSender_ResendCode")).await.unwrap();
    assert_eq!(senders.world.sent().len(), 1, "no cool-down");
}

#[rstest]
#[case::the_first_hangs(Behaviour::Hangs, Behaviour::Takes, Ok("second"))]
#[case::the_first_fails(Behaviour::Fails, Behaviour::Takes, Ok("second"))]
#[case::all_hang(Behaviour::Hangs, Behaviour::Hangs, Err(SendFailure::NoProvider))]
#[case::all_fail(Behaviour::Fails, Behaviour::Fails, Err(SendFailure::NoProvider))]
#[case::rejected(Behaviour::Rejects, Behaviour::Takes, Err(SendFailure::AddressRejected))]
#[case::opted_out(Behaviour::OptedOut, Behaviour::Takes, Err(SendFailure::OptedOut))]
#[tokio::test(start_paused = true)]
async fn a_failed_send_is_a_record_and_no_error(
    #[case] first: Behaviour,
    #[case] second: Behaviour,
    #[case] ends: Result<&'static str, SendFailure>,
) {
    let senders = senders(first, second);
    let started = Instant::now();
    answer(&senders.sms, event("CustomSMSSender_Authentication")).await.unwrap();
    assert!(started.elapsed() <= Duration::from_secs(5), "{:?}", started.elapsed());
    let outcome = match ends {
        Ok(provider) => SendOutcome::Sent { provider },
        Err(failure) => SendOutcome::Failed(failure),
    };
    assert_eq!(senders.world.table.outcomes(), [outcome]);
    assert_eq!(senders.world.sent().len(), usize::from(ends.is_ok()));
    let audited: Vec<_> = senders.world.table.audit().into_iter().map(|entry| entry.action).collect();
    match ends {
        Ok(_) => assert_eq!(audited, []),
        Err(failure) => {
            assert_eq!(audited, [AuditAction::MessageNotSent { channel: "sms", reason: failure.name() }]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_no_longer_good_is_dropped() {
    let senders = working();
    let given = event("CustomSMSSender_Authentication");
    *senders.world.stop.lock().unwrap() = Some(Step::InKms);
    let died = timeout(Duration::from_millis(200), answer(&senders.sms, given.clone()));
    assert!(died.await.is_err(), "it should have died");
    sleep(Duration::from_mins(3)).await;
    answer(&senders.sms, given).await.unwrap();
    assert_eq!(senders.world.sent(), []);
    assert_eq!(senders.world.table.outcomes(), [SendOutcome::Failed(SendFailure::Expired)]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_or_has_no_address_is_not_sent() {
    let mut other_pool = event("CustomSMSSender_SignUp");
    other_pool["userPoolId"] = json!("us-east-1_Another");
    let mut tampered = event("CustomSMSSender_SignUp");
    let code = tampered["request"]["code"].as_str().unwrap().replacen("AYAD", "AYAE", 1);
    tampered["request"]["code"] = json!(code);
    let mut nowhere = event("CustomSMSSender_SignUp");
    nowhere["request"]["userAttributes"]["phone_number"] = json!("not a number");
    for (given, failure) in [
        (other_pool, SendFailure::Unreadable),
        (tampered, SendFailure::Unreadable),
        (nowhere, SendFailure::NoAddress),
    ] {
        let senders = working();
        // An e-mail address does not replace a phone number.
        answer(&senders.sms, given).await.unwrap();
        assert_eq!(senders.world.sent(), []);
        assert_eq!(senders.world.table.outcomes(), [SendOutcome::Failed(failure)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_key_service_is_a_record_and_a_dead_table_an_error() {
    let senders = working();
    senders.world.kms_fails.store(true, Ordering::Relaxed);
    answer(&senders.sms, event("CustomSMSSender_SignUp")).await.unwrap();
    assert_eq!(senders.world.table.outcomes(), [SendOutcome::Failed(SendFailure::Unavailable)]);

    let senders = working();
    senders.world.table.fail();
    let refused = answer(&senders.sms, event("CustomSMSSender_SignUp")).await.unwrap_err();
    assert_eq!(refused, Refusal::TemporarilyUnavailable, "Lambda tries again");
    assert_eq!(senders.world.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_code_and_id_is_answered_and_not_sent() {
    let senders = working();
    for request in
        [json!({}), json!(null), json!({ "code": null, "userAttributes": { "email": "a@example.com" } })]
    {
        let given =
            json!({ "triggerSource": "CustomEmailSender_Future", "userName": "alex", "request": request });
        assert_eq!(answer(&senders.email, given.clone()).await.unwrap(), given);
    }
    assert_eq!(senders.world.sent(), []);
}
