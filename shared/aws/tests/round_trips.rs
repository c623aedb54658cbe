//! What a sign-in and a sign-up cost at the table: how many calls each trigger of the gate makes, and
//! that attempts in parallel are counted exactly.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use dynoxide::Database;
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::{
    config::{self, Environment},
    delivery::GovernorSettings,
    kernel::{SystemEntropy, UserId},
    sign_in::{Attempt, SignInLedger as _, SignInSettings, Subject},
    sign_up::UniqueSettings,
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, Trigger, answer},
};
use shared_aws::{Aws, AwsSettings, Table};
use shared_testkit::ManualClock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
const POLICY: &str = "[sign_up.unique]\nemail = true\nphone_number = true\n[sign_in]\nenforce = true\n";

/// A table whose calls are counted on the wire.
struct Stage {
    endpoint: String,
    calls: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Stage {
    async fn set() -> Self {
        let db = Database::memory().unwrap();
        let definition = json!({
            "TableName": "mfa",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "S" },
            ],
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
        });
        db.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = behind.local_addr().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(behind, db, std::future::pending()));

        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", front.local_addr().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((client, _)) = front.accept().await {
                let server = TcpStream::connect(address).await.unwrap();
                tokio::spawn(relay(client, server, Arc::clone(&counter)));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
        Self { endpoint, calls, folder, clock }
    }

    fn read<T>(&self, read: impl FnOnce(&mut Environment<'_>) -> T) -> T {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            "MFA_TABLE" => Some("mfa".to_owned()),
            "MFA_HASH_KEY" => Some("k".repeat(32)),
            "MFA_CONFIG_DIR" => self.folder.path().to_str().map(str::to_owned),
            "AWS_ENDPOINT_URL_DYNAMODB" => Some(self.endpoint.clone()),
            _ => None,
        };
        config::load(&lookup, read).unwrap()
    }

    fn table(&self) -> Arc<Table> {
        Arc::new(Table::new(&Aws::new(self.read(AwsSettings::read)).unwrap()))
    }

    /// How many calls it takes.
    async fn calls(&self, trigger: &impl Trigger, event: Value) -> usize {
        let before = self.calls.load(Ordering::SeqCst);
        answer(trigger, event).await.unwrap();
        self.calls.load(Ordering::SeqCst) - before
    }
}

/// Every request of the SDK begins with this line.
const CALL: &[u8] = b"POST / HTTP/1.1\r\n";

async fn relay(client: TcpStream, server: TcpStream, calls: Arc<AtomicUsize>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        let bytes = &buffer[..read];
        calls.fetch_add(bytes.windows(CALL.len()).filter(|window| *window == CALL).count(), Ordering::SeqCst);
        if to_server.write_all(bytes).await.is_err() {
            break;
        }
    }
}

fn event(source: &str, phone_number: Option<&str>) -> Value {
    json!({
        "triggerSource": source, "userName": "alex",
        "request": { "userAttributes": {
            "sub": SUB, "email": "alex@example.com", "email_verified": "true",
            "phone_number": phone_number, "phone_number_verified": "true",
        } },
        "response": {},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trigger_of_a_sign_in_makes_one_round_trip() {
    let stage = Stage::set().await;
    let (table, clock) = (stage.table(), stage.clock.clone());
    let governor = || stage.read(GovernorSettings::read).governor(table.clone());
    let unique = || stage.read(UniqueSettings::read).map(|unique| unique.addresses(table.clone()));

    let pre_sign_up =
        PreSignUp::new(stage.read(|environment| environment.policy().sign_up), None, unique(), clock.clone());
    let guard = stage.read(SignInSettings::read).guard(table.clone());
    let pre_authentication = PreAuthentication::new(guard, None, clock.clone());
    let entropy = Arc::new(SystemEntropy);
    let post_authentication =
        PostAuthentication::new(table.clone(), governor(), table.clone(), None, clock.clone(), entropy);
    let post_confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );

    let sign_in = "PreAuthentication_Authentication";
    let mut nobody = event(sign_in, None);
    nobody["request"] = json!({ "userAttributes": {}, "userNotFound": true });
    let phone = Some("+4915123456789");
    let made = [
        ("pre-sign-up, e-mail address", stage.calls(&pre_sign_up, event("PreSignUp_SignUp", None)).await),
        ("pre-sign-up, both addresses", stage.calls(&pre_sign_up, event("PreSignUp_SignUp", phone)).await),
        ("pre-authentication", stage.calls(&pre_authentication, event(sign_in, phone)).await),
        ("pre-authentication, nobody", stage.calls(&pre_authentication, nobody).await),
        (
            "post-authentication",
            stage.calls(&post_authentication, event("PostAuthentication_Authentication", None)).await,
        ),
        (
            "post-confirmation",
            stage.calls(&post_confirmation, event("PostConfirmation_ConfirmSignUp", None)).await,
        ),
    ];
    // Whatever a trigger calls, it calls in parallel: the sign-in's own write, the governor's settlement
    // of each address, the claim on each.
    println!("{made:?}");
    assert_eq!(made.map(|(_, calls)| calls), [1, 2, 1, 1, 2, 3]);

    // The count of a window that is over is taken off in a second one.
    stage.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(stage.calls(&pre_authentication, event(sign_in, phone)).await, 1, "a completed one left none");
    stage.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(stage.calls(&pre_authentication, event(sign_in, phone)).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_attempts_are_counted_exactly() {
    let stage = Stage::set().await;
    let (table, now) = (stage.table(), Timestamp::from_second(1_767_323_045).unwrap());
    let back_off = stage.read(|environment| shared::sign_in::BackOff::of(&environment.policy().sign_in));
    let (counted, held) =
        (Subject::User(UserId::parse("counted").unwrap()), Subject::User(UserId::parse("held").unwrap()));
    // As many at a time as the table of a busy machine answers within the client's second.
    let seen = stream::iter((0..500).map(|_| table.count_attempt(&counted, now))).buffer_unordered(50);
    let mut seen: Vec<_> = seen.map(Result::unwrap).collect().await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=500).collect::<Vec<_>>());

    let outcomes = stream::iter((0..500).map(|_| table.attempt(&held, &back_off, now))).buffer_unordered(50);
    let outcomes: Vec<_> = outcomes.collect().await;
    let mut passed: Vec<_> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome.unwrap() {
            Attempt::Counted(attempts) => Some(attempts),
            Attempt::Refused => None,
        })
        .collect();
    passed.sort_unstable();
    println!("of 500 {} passed", passed.len());
    assert_eq!(passed, [1, 2, 3, 4, 5]);
}
