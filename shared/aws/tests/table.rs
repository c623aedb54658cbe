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
async fn challenges() {
    let (table, db) = table().await;
    contract::challenges(&table, &table).await;
    let apart = &items(&db, "CHALLENGE#00000000000000000000000000000007", "FACTORS")[0];
    assert_eq!(apart["ttl"]["N"], (1_767_323_045 + 3600).to_string(), "leads nowhere: kept for an hour");
    assert!(
        items(&db, "UNKNOWN#07", "FACTORS").is_empty(),
        "nothing is ever kept of a name that is no user's"
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn own_factors() {
    let (table, db) = table().await;
    contract::own_factors(&table).await;
    let item = &items(&db, "USER#own-sam", "FACTORS")[0];
    assert_eq!(item["v"]["N"], "1", "every item carries its schema version");
    assert!(item.get("ttl").is_none(), "what proves is kept");
}

/// What the last gate of custom sign-ins writes beside, and what a newer version may have written.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_proof_of_own_factors() {
    use shared::{
        factors::own::{LastProof, OwnFactorStore as _},
        kernel::OwnFactor,
    };
    let (table, db) = table().await;
    let item = json!({
        "TableName": TABLE,
        "Item": {
            "pk": { "S": "USER#alex" }, "sk": { "S": "FACTORS" }, "v": { "N": "1" },
            "last_proof": { "M": {
                "at": { "N": "1767323045" },
                "factors": { "SS": ["totp", "telepathy"] },
                "client": { "S": "client" },
            } },
        },
    });
    db.put_item(serde_json::from_value(item).unwrap()).unwrap();
    let kept = table.own_factors(&UserId::parse("alex").unwrap()).await.unwrap();
    let expected = LastProof {
        at: jiff::Timestamp::from_second(1_767_323_045).unwrap(),
        factors: [OwnFactor::Totp].into(),
        client: "client".into(),
    };
    assert_eq!(kept.last_proof, Some(expected));
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
