//! The table adapter keeps the ports' contracts on DynamoDB's semantics (dynoxide, in process).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use dynoxide::Database;
use serde_json::{Value, json};
use shared::{config, kernel::UserId};
use shared_aws::{Aws, AwsSettings, Table};
use shared_testkit::contract;
use tokio::net::TcpListener;

const TABLE: &str = "mfa";

/// A table of its own on a free port.
async fn table() -> (Table, Database) {
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, db.clone(), std::future::pending()));
    (adapter(&endpoint), db)
}

fn adapter(endpoint: &str) -> Table {
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "MFA_TABLE" => Some(TABLE.to_owned()),
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(endpoint.to_owned()),
        _ => None,
    };
    Table::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap())
}

fn items(db: &Database, pk: &str, sk_prefix: &str) -> Vec<Value> {
    let query = json!({
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
        "ExpressionAttributeValues": { ":pk": { "S": pk }, ":sk": { "S": sk_prefix } },
    });
    let answer = db.query(serde_json::from_value(query).unwrap()).unwrap();
    serde_json::from_value(serde_json::to_value(answer).unwrap()["Items"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_users() {
    contract::confirmed_users(&table().await.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_ledger() {
    let (table, db) = table().await;
    contract::sign_in_ledger(&table).await;
    let unknown = items(&db, "UNKNOWN#07", "SIGN_IN");
    assert_eq!(unknown[0]["ttl"]["N"], "86400", "names that are no user's are kept for a day");
    assert!(items(&db, "USER#ledger-alex", "SIGN_IN")[0].get("ttl").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_trail() {
    let (table, db) = table().await;
    let count = async |user: &UserId| items(&db, &format!("USER#{}", user.as_str()), "AUDIT#").len();
    contract::audit_trail(&table, count).await;
    for item in items(&db, "USER#audit-alex", "AUDIT#") {
        assert_eq!(item["v"]["N"], "1", "every item carries its schema version");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets() {
    let (table, db) = table().await;
    contract::budgets(&table).await;
    let counter = &items(&db, "SENT#sms#country#AA#0", "2026-03-01")[0];
    assert_eq!(counter["ttl"]["N"], "1772582400", "kept for three days");
    assert_eq!(
        (&counter["h09"]["N"], &counter["d"]["N"], &counter["v"]["N"]),
        (&json!("7"), &json!("12"), &json!("1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn correspondence() {
    let (table, db) = table().await;
    contract::correspondence(&table).await;
    let kept = &items(&db, "USER#codes-alex", "CODES#sms")[0];
    assert_eq!(kept["ttl"]["N"], (80 + 90 * 86_400).to_string(), "until 90 days after the last message");
    assert_eq!(kept["v"]["N"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims() {
    use shared::delivery::DeliveryId;

    let (table, db) = table().await;
    contract::claims(&table).await;
    let id = DeliveryId::new("pool", "alex", "CustomSMSSender_SignUp", "racing");
    let item = &items(&db, &format!("DELIVERY#{}", id.as_str()), "CLAIM")[0];
    assert_eq!(
        (item["outcome"]["S"].as_str(), item["detail"]["S"].as_str()),
        (Some("failed"), Some("no-provider"))
    );
    assert_eq!(
        item["ttl"]["N"],
        (1_767_323_045 + 6 + 48 * 3600).to_string(),
        "48 h from the last attempt on"
    );
}

/// What `cognito-mfa audit` and `cognito-mfa forget-user` stand on.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_reads_the_trail_by_time_and_erases_a_user() {
    use jiff::{SignedDuration, Timestamp};
    use shared::{
        audit::{Action, AuditTrail, Entry},
        sign_in::{SignInLedger, Subject},
    };
    use shared_testkit::{ManualClock, SeededEntropy};

    let (table, db) = table().await;
    let (alex, sam) = (UserId::parse("op-alex").unwrap(), UserId::parse("op-sam").unwrap());
    let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    let hour = |hours: i64| start + SignedDuration::from_hours(hours);
    let entropy = SeededEntropy::new(7);
    for hours in 0..60 {
        let clock = ManualClock::at(hour(hours));
        let action = Action::TotpStarted { replace: hours % 2 == 0 };
        table.append(&Entry::new(&clock, &entropy, alex.clone(), action).unwrap()).await.unwrap();
    }
    for user in [&alex, &sam] {
        table.count_attempt(&Subject::User(user.clone()), start).await.unwrap();
    }

    let lines = table.audit_lines(&alex, hour(10), hour(12)).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line["at"].as_str().unwrap(), &line["replace"])).collect();
    assert_eq!(told, [("2026-03-01T18:00:00Z", &json!(true)), ("2026-03-01T19:00:00Z", &json!(false))]);
    assert_eq!(lines[0]["action"], "totp-started");
    assert_eq!(table.audit_lines(&alex, Timestamp::UNIX_EPOCH, hour(100)).await.unwrap().len(), 60);

    assert_eq!(table.forget(&alex).await.unwrap(), 61, "more than one batch");
    assert_eq!(table.forget(&alex).await.unwrap(), 0);
    assert_eq!(items(&db, "USER#op-sam", "SIGN_IN").len(), 1, "users do not share");
}

#[tokio::test]
async fn a_dead_table_is_a_fault_and_not_an_answer() {
    use shared::{
        sign_in::{SignInLedger, Subject},
        sign_up::ConfirmedUsers,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (table, user) = (adapter(&endpoint), UserId::parse("alex").unwrap());
    assert!(table.record(&user, jiff::Timestamp::UNIX_EPOCH).await.is_err());
    assert!(table.count_attempt(&Subject::User(user), jiff::Timestamp::UNIX_EPOCH).await.is_err());
}
