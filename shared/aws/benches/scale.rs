//! What a sign-in costs in DynamoDB's units (`ReturnConsumedCapacity`), with a thousand users in the table
//! and with a million (or as many as the argument says): the same, or it fails.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench: a failed expectation is a failed bench; figures are printed"
)]

use std::sync::{Arc, Mutex};

use dynoxide::{Database, ImportOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{
    config::{self, Environment},
    custom_auth::{Challenges, Defined},
    delivery::GovernorSettings,
    kernel::{SystemEntropy, UserId},
    sign_in::SignInSettings,
    sign_up::UniqueSettings,
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, Trigger, answer},
};
use shared_aws::{Aws, AwsSettings, Table};
use shared_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, ManualClock, NATIVE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// Users at a time.
const BATCH: usize = 20_000;
const POLICY: &str = "[sign_up.unique]\nemail = true\n[custom_auth.clients.custom]\nfirst = 'passwordless'\n";

/// Units of reads and of writes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Units {
    read: f64,
    write: f64,
}

fn main() {
    let many = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(MANY);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let costs = [FEW, many].map(|users| (users, runtime.block_on(costs(users))));
    for (users, costs) in &costs {
        println!("{users} users in the table");
        for (step, units) in costs {
            println!("  {step:<44} {:>5.1} RCU {:>5.1} WCU", units.read, units.write);
        }
    }
    assert_eq!(costs[0].1, costs[1].1, "a sign-in costs more, the more users there are");
}

/// Of each thing that a user does, with so many users in the table.
async fn costs(users: usize) -> Vec<(&'static str, Units)> {
    let db = Database::memory().unwrap();
    fill(&db, users);
    let (endpoint, spent) = metered(db).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
    let settings = Settings { endpoint, folder };
    let table = Arc::new(Table::new(&Aws::new(settings.read(AwsSettings::read)).unwrap()));
    let governor = || settings.read(GovernorSettings::read).governor(table.clone());
    let unique = || settings.read(UniqueSettings::read).map(|unique| unique.addresses(table.clone()));
    let taken = || std::mem::take(&mut *spent.lock().unwrap());
    let mut costs = Vec::new();

    let policy = settings.read(|environment| environment.policy().sign_up);
    let pre_sign_up = PreSignUp::new(policy, None, unique(), clock.clone());
    run(&pre_sign_up, "PreSignUp_SignUp", "new").await;
    costs.push(("pre-sign-up, unique addresses", taken()));
    let post_confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );
    run(&post_confirmation, "PostConfirmation_ConfirmSignUp", "new").await;
    costs.push(("post-confirmation", taken()));

    let guard = settings.read(SignInSettings::read).guard(table.clone());
    run(&PreAuthentication::new(guard, None, clock.clone()), "PreAuthentication_Authentication", "user-500")
        .await;
    costs.push(("pre-authentication", taken()));
    let entropy = Arc::new(SystemEntropy);
    let post_authentication =
        PostAuthentication::new(table.clone(), governor(), table.clone(), None, clock, entropy);
    run(&post_authentication, "PostAuthentication_Authentication", "user-500").await;
    costs.push(("post-authentication", taken()));

    let challenges: Arc<dyn Challenges> = table;
    let stage = CustomAuthStage::new(POLICY, &challenges);
    let user = UserId::parse("user-500").unwrap();
    stage.token(&user, NATIVE, None).await;
    costs.push(("pre-token-generation, native client", taken()));
    let mut sign_in = CustomSignIn::without_password("user-500", Some(&user));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "email").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, Defined::IssueTokens);
    costs.push(("custom challenges, an e-mail code", taken()));
    assert!(stage.token(&user, CUSTOM, None).await.is_open());
    costs.push(("pre-token-generation, custom client", taken()));
    costs
}

async fn run(trigger: &impl Trigger, source: &str, sub: &str) {
    let event = json!({
        "triggerSource": source, "userName": sub,
        "request": { "userAttributes": {
            "sub": sub, "email": format!("{sub}@example.com"), "email_verified": "true",
        } },
        "response": {},
    });
    answer(trigger, event).await.unwrap();
}

/// What every user leaves: a sign-in's count, and something that proves.
fn fill(db: &Database, users: usize) {
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
    db.enable_bulk_loading().unwrap();
    let users: Vec<_> = (0..users).collect();
    for batch in users.chunks(BATCH) {
        let items: Value = batch
            .iter()
            .flat_map(|user| {
                let pk = json!({ "S": format!("USER#user-{user}") });
                [
                    json!({
                        "pk": pk, "sk": { "S": "SIGN_IN" }, "v": { "N": "1" },
                        "attempts": { "N": "0" }, "last_sign_in_at": { "N": "1767300000" },
                    }),
                    json!({
                        "pk": pk, "sk": { "S": "FACTORS" }, "v": { "N": "1" },
                        "generation": { "N": "1" }, "revision": { "N": "3" },
                        "recovery": { "SS": ["0123456789abcdef0123456789abcdef"] },
                    }),
                ]
            })
            .collect();
        db.import_items("mfa", serde_json::from_value(items).unwrap(), ImportOptions::default()).unwrap();
    }
    db.disable_bulk_loading().unwrap();
}

struct Settings {
    endpoint: String,
    folder: tempfile::TempDir,
}

impl Settings {
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
}

/// The table behind a listener that asks for what each request consumes, and adds it up.
async fn metered(db: Database) -> (String, Arc<Mutex<Units>>) {
    let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = behind.local_addr().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(behind, db, std::future::pending()));
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", front.local_addr().unwrap());
    let spent = Arc::<Mutex<Units>>::default();
    let meter = Arc::clone(&spent);
    tokio::spawn(async move {
        while let Ok((client, _)) = front.accept().await {
            let table = TcpStream::connect(address).await.unwrap();
            tokio::spawn(relay(client, table, Arc::clone(&meter)));
        }
    });
    (endpoint, spent)
}

async fn relay(mut client: TcpStream, mut table: TcpStream, meter: Arc<Mutex<Units>>) {
    while let Some((head, body)) = message(&mut client).await {
        let mut request: Value = serde_json::from_slice(&body).unwrap();
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = request.to_string();
        let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        let head = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\r\n");
        let sent = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        table.write_all(sent.as_bytes()).await.unwrap();
        let is_read = head.contains(".GetItem") || head.contains(".Query");
        let (head, body) = message(&mut table).await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let units = answer["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap_or_default();
        {
            let mut total = meter.lock().unwrap();
            *(if is_read { &mut total.read } else { &mut total.write }) += units;
        }
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&body).await.unwrap();
    }
}

/// The head, up to its empty line, and the body of one HTTP message; none where there is no more.
async fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
