//! The messages that functions enqueue, on in-memory ports: each is sent once, by the channel of its address,
//! in the user's language. Codes are drawn at the time of sending.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    config::{self, Policy},
    delivery::{
        ChallengeCode, ChallengeCodes, ChannelProviders, Notice, Notification, OutboundMessage,
        QueueConsumer, Recipient, SenderDependencies, SenderSettings,
        provider_chain::{Email, Provider, ProviderChain, ProviderFault, Sms},
        send_leases::{SendFailure, SendOutcome},
        toll_fraud::Destination,
    },
    kernel::{EmailAddress, OneTimeCode, PhoneNumber, PortError, Refusal, UserId},
    trigger::accept,
};
use mfa_testkit::{InMemoryTable, SeededEntropy, TokioClock};
use rstest::rstest;
use serde_json::json;
use tokio::time::sleep;

const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

/// A provider of both channels that keeps the address, and subject and text, of each message.
#[derive(Default)]
struct Sent(Mutex<Vec<(String, String)>>);

impl Sent {
    async fn take(&self, to: &str, text: String) {
        sleep(std::time::Duration::from_millis(20)).await;
        self.0.lock().unwrap().push((to.to_owned(), text));
    }

    fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Provider<Sms> for Sent {
    fn name(&self) -> &'static str {
        "sms"
    }

    async fn send(&self, sms: &Sms) -> Result<(), ProviderFault> {
        self.take(sms.to.expose(), sms.text.expose().to_owned()).await;
        Ok(())
    }
}

#[async_trait]
impl Provider<Email> for Sent {
    fn name(&self) -> &'static str {
        "mail"
    }

    async fn send(&self, email: &Email) -> Result<(), ProviderFault> {
        let text = format!("{}\n{}", email.text.subject, email.text.text.as_str());
        self.take(&email.to.expose(), text).await;
        Ok(())
    }
}

/// Draws 246810, 246811 and so on.
#[derive(Debug, Default)]
struct Codes {
    drawn: AtomicU32,
    is_over: bool,
}

#[async_trait]
impl ChallengeCodes for Codes {
    async fn draw(&self, _: &ChallengeCode) -> Result<Option<OneTimeCode>, PortError> {
        let code = 246_810 + self.drawn.fetch_add(1, Ordering::Relaxed);
        Ok(OneTimeCode::parse(&code.to_string()).ok().filter(|_| !self.is_over))
    }
}

struct House {
    sent: Arc<Sent>,
    table: Arc<InMemoryTable>,
    codes: Arc<Codes>,
    deliver: QueueConsumer,
}

fn house(codes: Codes) -> House {
    let (sent, table, codes) =
        (Arc::new(Sent::default()), Arc::new(InMemoryTable::default()), Arc::new(codes));
    let lookup = |name: &str| match name {
        "MFA_USER_POOL_ID" => Some("us-east-1_ExamplePl".to_owned()),
        "MFA_HASH_KEY" => Some("k".repeat(64)),
        _ => None,
    };
    let settings = config::load(&lookup, SenderSettings::read_for_queue).unwrap();
    let entropy = Arc::new(SeededEntropy::new(1));
    let dependencies = SenderDependencies {
        leases: table.clone(),
        keys: None,
        budgets: table.clone(),
        addresses: None,
        trail: table.clone(),
        clock: Arc::new(TokioClock::at(NOW)),
        entropy: entropy.clone(),
    };
    let policy = Policy::default().delivery;
    let sms =
        ChannelProviders::Sms(ProviderChain::new(vec![sent.clone()], policy.sms.clone(), entropy.clone()));
    let email =
        ChannelProviders::Email(ProviderChain::new(vec![sent.clone()], policy.email.clone(), entropy));
    let sender = |providers| settings.sender(dependencies.clone(), providers);
    let deliver = QueueConsumer::new(sender(sms), sender(email)).with_codes(codes.clone());
    House { sent, table, codes, deliver }
}

fn to(destination: Destination, locale: &str) -> Recipient {
    Recipient {
        user: UserId::parse("a1b2").unwrap(),
        user_name: "alex".into(),
        destination,
        is_verified: true,
        locales: vec![locale.into()],
    }
}

fn by_email() -> Destination {
    Destination::Email(EmailAddress::parse("alex@example.com").unwrap())
}

fn by_sms() -> Destination {
    Destination::Sms(PhoneNumber::parse("+4915123456789").unwrap())
}

fn notice(id: u128, notice: Notice, to: Recipient) -> OutboundMessage {
    let id = uuid::Uuid::from_u128(id);
    OutboundMessage::Notification(Notification {
        id,
        notice,
        name: Some("Alex's <phone>".into()),
        at: NOW,
        to,
    })
}

fn code(send_attempt: u32, to: Recipient) -> ChallengeCode {
    ChallengeCode {
        nonce: "6f".repeat(16),
        round_index: 3,
        send_attempt,
        client_id: "client".into(),
        to,
        expires_at: NOW + SignedDuration::from_mins(7),
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_arrives_once_in_the_users_language() {
    let house = house(Codes::default());
    let mail = notice(1, Notice::AuthenticatorAdded, to(by_email(), "de"));
    let text = notice(2, Notice::TrustedDeviceAdded, to(by_sms(), "en-GB"));
    for message in [&mail, &text] {
        let overlapping = join_all((0..20).map(|_| house.deliver.handle(message))).await;
        assert!(overlapping.iter().all(Result::is_ok));
    }
    let sent = house.sent.all();
    assert_eq!(sent.len(), 2);
    assert_eq!((sent[0].0.as_str(), sent[1].0.as_str()), ("alex@example.com", "+4915123456789"));
    assert!(sent[0].1.starts_with("Authenticator-App hinzugefügt\n"), "{}", sent[0].1);
    assert!(
        sent[0].1.contains("Gerät: Alex's <phone>") && sent[0].1.contains("Zeitpunkt: 2026-01-02 03:04 UTC")
    );
    assert_eq!(
        sent[1].1,
        "Your Example account now trusts a new device. If this was not you, change your password."
    );
}

/// A user who changes much at once hears of every change, and waits for no code because of the notices.
#[tokio::test(start_paused = true)]
async fn notices_do_not_wait_and_make_nothing_wait() {
    let house = house(Codes::default());
    let notices: Vec<_> = (0..5).map(|id| notice(id, Notice::FactorsChanged, to(by_email(), "en"))).collect();
    join_all(notices.iter().map(|notice| house.deliver.handle(notice))).await;
    for send_attempt in 1..=5 {
        house
            .deliver
            .handle(&OutboundMessage::ChallengeCode(code(send_attempt, to(by_email(), "en"))))
            .await
            .unwrap();
        tokio::time::advance(std::time::Duration::from_mins(1 << (send_attempt - 1))).await;
    }
    let sent = house.sent.all();
    let codes = sent.iter().filter(|(_, text)| text.contains("sign-in code")).count();
    assert_eq!((sent.len() - codes, codes), (5, 3), "three codes until the challenge ends");
}

/// A stolen token can't buy text messages without end.
#[tokio::test(start_paused = true)]
async fn budgets_hold_for_notices_too() {
    let house = house(Codes::default());
    for id in 0..40 {
        house.deliver.handle(&notice(id, Notice::TrustedDeviceAdded, to(by_sms(), "en"))).await.unwrap();
    }
    let limit = usize::try_from(Policy::default().sms.user.per_hour).unwrap() / 2;
    assert_eq!(house.sent.all().len(), limit, "what is not the reserve of numbers known for long");
}

#[tokio::test(start_paused = true)]
async fn a_code_is_drawn_when_it_is_sent_and_once() {
    let house = house(Codes::default());
    let message = OutboundMessage::ChallengeCode(code(1, to(by_sms(), "en")));
    let overlapping = join_all((0..50).map(|_| house.deliver.handle(&message))).await;
    assert!(overlapping.iter().all(Result::is_ok));
    let expected = "246810 is your Example sign-in code. Valid for 7 minutes. Never share it.";
    assert_eq!(house.sent.all(), [("+4915123456789".to_owned(), expected.to_owned())]);
    assert_eq!(house.codes.drawn.load(Ordering::Relaxed), 1);
    // The next message of the same round is another message.
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    house.deliver.handle(&OutboundMessage::ChallengeCode(code(2, to(by_sms(), "en")))).await.unwrap();
    assert!(house.sent.all()[1].1.starts_with("246811 is your Example sign-in code. Valid for 6 minutes."));
}

#[rstest]
#[case::the_challenge_is_over(true, 0)]
#[case::delivered_too_late(false, 7)]
#[tokio::test(start_paused = true)]
async fn what_is_worth_nothing_is_not_sent(#[case] is_over: bool, #[case] minutes: u64) {
    let house = house(Codes { is_over, ..Codes::default() });
    tokio::time::advance(std::time::Duration::from_mins(minutes)).await;
    house.deliver.handle(&OutboundMessage::ChallengeCode(code(1, to(by_email(), "en")))).await.unwrap();
    assert!(house.sent.all().is_empty());
    assert_eq!(house.table.outcomes(), [SendOutcome::Failed(SendFailure::Expired)]);
    assert_eq!(house.codes.drawn.load(Ordering::Relaxed), u32::from(is_over));
}

#[tokio::test(start_paused = true)]
async fn decoys_and_invalid_messages_do_nothing() {
    let house = house(Codes::default());
    house.table.fail();
    for payload in [json!({ "kind": "decoy" }), json!({ "kind": "letter" }), json!(null)] {
        assert_eq!(accept(&house.deliver, payload).await, Ok(json!({})));
    }
    assert!(house.sent.all().is_empty());
    let notice = notice(1, Notice::FactorsChanged, to(by_email(), "en"));
    let payload = serde_json::to_value(notice).unwrap();
    let refused = accept(&house.deliver, payload).await;
    assert_eq!(refused, Err(Refusal::TemporarilyUnavailable), "Lambda tries again");
}
