//! Sign-ins by custom challenges over DynamoDB's semantics (dynoxide, in process), with the requests
//! counted on the wire.

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
use serde_json::json;
use shared::{
    config,
    custom_auth::{Challenges, Defined},
    kernel::UserId,
};
use shared_aws::{Aws, AwsSettings, Table};
use shared_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, NATIVE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

const TABLE: &str = "mfa";
const POLICY: &str = "[custom_auth.clients.custom]\nfirst = 'passwordless'\n";

/// A table behind a listener that counts the requests to it.
async fn counted_table() -> (Table, Arc<AtomicUsize>) {
    let db = Database::memory().unwrap();
    let definition = json!({
        "TableName": TABLE,
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
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = front.accept().await {
            tokio::spawn(forward(client, TcpStream::connect(address).await.unwrap(), counter.clone()));
        }
    });
    let lookup = move |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "MFA_TABLE" => Some(TABLE.to_owned()),
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(endpoint.clone()),
        _ => None,
    };
    (Table::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap()), requests)
}

/// Passes everything on. A request begins with its method, and no body of ours has one in it.
async fn forward(client: TcpStream, server: TcpStream, requests: Arc<AtomicUsize>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = from_client.read(&mut buffer).await {
        let bytes = &buffer[..length];
        if length == 0 {
            break;
        }
        let begins = bytes.windows(7).filter(|window| *window == b"POST / ").count();
        requests.fetch_add(begins, Ordering::SeqCst);
        to_server.write_all(bytes).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_takes_no_more_requests_than_promised() {
    let (table, requests) = counted_table().await;
    let challenges: Arc<dyn Challenges> = Arc::new(table);
    let stage = CustomAuthStage::new(POLICY, &challenges);
    let alex = UserId::parse("alex").unwrap();
    let taken = || requests.swap(0, Ordering::SeqCst);
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    let mut steps = Vec::new();
    let mut count = |step: &str, most: usize| {
        let requests = taken();
        assert!((1..=most).contains(&requests), "{step}: {requests}");
        steps.push(format!("{step} {requests}"));
    };
    sign_in.define(&stage).await;
    count("Define, first", 1);
    sign_in.create(&stage).await;
    count("Create, begin", 2);
    assert!(!sign_in.verify(&stage, "email", None).await);
    count("Verify, choice", 2);
    sign_in.answer(&stage, "email").await;
    taken();
    sign_in.create(&stage).await;
    count("Create, code", 2);
    let code = stage.code().await.unwrap();
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    taken();
    assert!(!sign_in.verify(&stage, &wrong, None).await);
    count("Verify, wrong", 2);
    sign_in.answer(&stage, &wrong).await;
    taken();
    assert!(sign_in.verify(&stage, &code, None).await);
    count("Verify, right", 2);
    assert_eq!(sign_in.answer(&stage, &code).await, Defined::IssueTokens);
    taken();
    sign_in.define(&stage).await;
    count("Define, last", 1);
    assert!(stage.token(&alex, CUSTOM, None).await.is_open());
    count("pre-token, custom client", 1);
    assert!(stage.token(&alex, NATIVE, None).await.is_open());
    count("pre-token, native client", 1);
    println!("requests to DynamoDB: {}", steps.join("; "));

    let mut unknown = CustomSignIn::without_password("nobody", None);
    let mut course = Vec::new();
    unknown.begin(&stage).await;
    course.push(taken());
    for answer in ["email", "000000", "000001"] {
        unknown.answer(&stage, answer).await;
        course.push(taken());
    }
    let mut known = CustomSignIn::without_password("alex", Some(&alex));
    let mut expected = Vec::new();
    known.begin(&stage).await;
    expected.push(taken());
    for answer in ["email", "000000", "000001"] {
        known.answer(&stage, answer).await;
        expected.push(taken());
    }
    println!("a known name {expected:?}, an unknown one {course:?}");
    assert_eq!(course, expected);
}
