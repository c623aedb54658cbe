//! Checks the ports' contracts for the table's adapter over DynamoDB's semantics (dynoxide, in process).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use dynoxide::Database;
use jiff::SignedDuration;
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    config::{self, Policy, policy::SignUpPolicy},
    kernel::{Refusal, UserId},
    sign_up::{UniqueAddresses, UniqueSettings},
    trigger::{PostConfirmation, PreSignUp, answer},
};
use mfa_testkit::{
    Deployed, ManualClock, ServedTable, TABLE, contract,
    model_tests::{self, ModelRun},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

/// Starts a table of its own on a free port.
async fn table() -> (Table, Database) {
    let db = ServedTable::empty();
    (adapter(&ServedTable::serve(db.clone()).await), db)
}

fn adapter(endpoint: &str) -> Table {
    Table::new(&Aws::new(Deployed::at(endpoint, "").read(AwsSettings::read)).unwrap())
}

/// Runs fewer histories than in memory, where the same checks find most faults.
fn check_model(check: impl Fn(ModelRun<'_>, &Table)) {
    let runtime = Runtime::new().unwrap();
    let (table, _) = runtime.block_on(table());
    check(ModelRun { cases: 24, runtime: &runtime }, &table);
}

#[test]
fn model_of_requests() {
    check_model(|run, table| model_tests::requests(run, table));
}

#[test]
fn model_of_deliveries() {
    check_model(|run, table| model_tests::deliveries(run, table));
}

#[test]
fn model_of_addresses() {
    check_model(|run, table| model_tests::addresses(run, table));
}

#[test]
fn model_of_back_off() {
    check_model(|run, table| model_tests::back_off(run, table));
}

#[test]
fn model_of_custom_factors() {
    check_model(|run, table| model_tests::custom_factors(run, table));
}

#[test]
fn model_of_redemptions() {
    check_model(model_tests::redemptions);
}

#[test]
fn model_of_budgets() {
    check_model(|run, table| model_tests::budgets(run, table));
}

#[test]
fn model_of_call_counts() {
    check_model(|run, table| model_tests::call_counts(run, table));
}

#[test]
fn model_of_address_codes() {
    check_model(|run, table| model_tests::verification_requests(run, table));
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
async fn calls() {
    let (table, db) = table().await;
    contract::call_counts(&table).await;
    contract::requests(&table).await;
    contract::audit_log(&table).await;
    contract::device_labels(&table).await;
    assert_eq!(items(&db, "CALLS#calls-hash", "CALLS#60")[0]["ttl"]["N"], "660");
    assert_eq!(items(&db, "USER#calls-alex", "ADMIN_READS#60")[0]["ttl"]["N"], "4260");
    assert_eq!(items(&db, "USER#calls-alex", "ADMIN_CHANGES#60")[0]["ttl"]["N"], "4260");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_ledger() {
    let (table, db) = table().await;
    contract::sign_in_ledger(&table).await;
    contract::back_off(&table).await;
    contract::sign_in_history(&table).await;
    let unknown = items(&db, "UNKNOWN#07", "SIGN_IN");
    assert_eq!(unknown[0]["ttl"]["N"], "86400", "names that are no user's are kept for a day");
    assert!(items(&db, "USER#ledger-alex", "SIGN_IN")[0].get("ttl").is_none());
    assert!(items(&db, "UNKNOWN#back-off-hash", "SIGN_IN")[0].get("ttl").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn address_claims() {
    let (table, db) = table().await;
    contract::address_claims(&table).await;
    contract::claim_scan_contract(&table, &table).await;
    let reviewed = &items(&db, "ADDRESS#review-held", "CLAIM")[0];
    assert!(reviewed.get("ttl").is_none() && reviewed.get("reserved_by").is_none(), "{reviewed}");
    let owned = &items(&db, "ADDRESS#address-raced", "CLAIM")[0];
    assert!(owned.get("ttl").is_none() && owned.get("reserved_by").is_none(), "{owned}");
    let held = &items(&db, "ADDRESS#address-other", "CLAIM")[0];
    let held_at = 1_767_323_045 + 24 * 3600;
    assert_eq!(
        held["ttl"]["N"],
        (held_at + 600 + 24 * 3600).to_string(),
        "until its last hold counts no more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_trail() {
    let (table, db) = table().await;
    let count = async |user: &UserId| items(&db, &format!("AUDIT#{}", user.as_str()), "").len();
    contract::audit_trail(&table, count).await;
    for item in items(&db, "AUDIT#audit-alex", "") {
        assert_eq!(item["v"]["N"], "1", "every item carries its schema version");
        let number = |name: &str| item[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
        assert_eq!(number("ttl") - number("at"), 730 * 24 * 3600, "as long as the policy says");
    }
    assert!(items(&db, "USER#audit-alex", "").is_empty(), "a partition of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets() {
    let (table, db) = table().await;
    contract::budgets(&table).await;
    contract::bookings(&table).await;
    let counter = &items(&db, "SENT#sms#country#AA#0", "2026-03-01")[0];
    assert_eq!(counter["ttl"]["N"], "1772582400", "kept for three days");
    assert_eq!(
        (&counter["h09"]["N"], &counter["d"]["N"], &counter["v"]["N"]),
        (&json!("7"), &json!("12"), &json!("1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn history() {
    let (table, db) = table().await;
    contract::history(&table).await;
    let kept = &items(&db, "USER#codes-alex", "CODES#sms")[0];
    assert_eq!(kept["ttl"]["N"], (80 + 90 * 86_400).to_string(), "until 90 days after the last message");
    assert_eq!(kept["v"]["N"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn recoveries() {
    let (table, db) = table().await;
    contract::cases(&table).await;
    contract::tries(&table).await;
    contract::recovery_codes(&table, &table).await;
    contract::user_items(&table, &table, &table).await;
    contract::sign_in_records(&table).await;
    contract::verification_requests(&table).await;
    let line = &items(&db, "AUDIT#items-sam", "")[0];
    assert_eq!((&line["by"]["S"], &line["reason"]["S"]), (&json!("items-sam"), &json!("ticket 17")));
    let case = &items(&db, "RECOVERY#00000000000000000000000000000001", "CASE")[0];
    assert_eq!(case["ttl"]["N"], (1_767_323_045 + 1_800).to_string());
    assert_eq!(case["v"]["N"], "1");
    assert_eq!(items(&db, "RECOVERY#ADDRESS#tries-alex", "ATTEMPTS").len(), 1);
    assert!(items(&db, "USER#spend-sam", "FACTORS").is_empty(), "a wrong code leaves nothing");
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
    use mfa_core::delivery::send_leases::DeliveryId;

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
async fn custom_factors() {
    let (table, db) = table().await;
    contract::custom_factors(&table).await;
    let item = &items(&db, "USER#own-sam", "FACTORS")[0];
    assert_eq!(item["v"]["N"], "1", "every item carries its schema version");
    assert!(item.get("ttl").is_none(), "what proves is kept");
}

/// Checks the further items of the token gate, and items that a newer version may have written.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_proof_of_own_factors() {
    use mfa_core::{
        factors::custom::{CustomFactorStore as _, LastProof},
        kernel::CustomFactor,
    };
    let (table, db) = table().await;
    let item = json!({
        "TableName": TABLE,
        "Item": {
            "pk": { "S": "USER#alex" }, "sk": { "S": "FACTORS" }, "v": { "N": "1" },
            "last_proof": { "M": {
                "at": { "N": "1767323045" },
                "factors": { "SS": ["totp", "telepathy"] },
                "native": { "SS": ["sms"] },
                "client": { "S": "client" },
            } },
        },
    });
    db.put_item(serde_json::from_value(item).unwrap()).unwrap();
    let kept = table.custom_factors(&UserId::parse("alex").unwrap()).await.unwrap();
    let expected = LastProof {
        at: jiff::Timestamp::from_second(1_767_323_045).unwrap(),
        factors: [CustomFactor::Totp].into(),
        native: [CustomFactor::SmsCode].into(),
        client: "client".into(),
    };
    assert_eq!(kept.last_proof, Some(expected));
}

/// The triggers of a sign-up keep one account for each address, for every spelling and after every crash.
#[tokio::test(flavor = "multi_thread")]
async fn one_account_an_address() {
    let (table, _) = table().await;
    let start = jiff::Timestamp::from_second(1_767_323_045).unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let policy = "[sign_up.unique]\nemail = true\nignore_plus_tags = true\n";
    let unique = || unique_addresses(policy, &table);
    // These users need no code, so their addresses may have letters outside ASCII before the `@`.
    let policy = SignUpPolicy { auto_confirm: true, ..Policy::default().sign_up };
    let trigger = PreSignUp::new(policy, None, Some(unique()), clock.clone());
    let spellings = [
        "jos\u{e9}.a@gmail.com",
        "JOSE\u{301}.A@GMAIL.com",
        "jos\u{e9}a@googlemail.com",
        "jos\u{e9}.a+shop@gmail.com",
        "j.o.s\u{e9}.a@Gmail.com",
        "JOS\u{c9}A+1+2@gmail.com",
        "JOS\u{c9}.a@gmail.com",
        "jose\u{301}.a@GoogleMail.com",
    ];
    let another_letter = "josea\u{301}@gmail.com";
    let sign_up = async |name: String, email: &str| answer(&trigger, sign_up_event(&name, email)).await;
    let race = async |round: usize| {
        let racing = (0..100)
            .map(|number| sign_up(format!("user-{round}-{number}"), spellings[number % spellings.len()]));
        let outcomes = futures::future::join_all(racing).await;
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(Refusal::SignUpNotPossible)).count();
        let admitted = outcomes.iter().position(Result::is_ok);
        assert_eq!(refused, 99, "{outcomes:?}");
        format!("user-{round}-{}", admitted.unwrap())
    };
    let winner = race(1).await;
    assert!(sign_up("other".into(), another_letter).await.is_ok());
    assert!(sign_up(winner, spellings[1]).await.is_ok(), "Cognito runs the trigger again");

    // The process died after the claim, or the user never confirmed. The address is free again.
    clock.advance(SignedDuration::from_mins(10));
    let winner = race(2).await;

    let confirmation = PostConfirmation::new(
        Arc::new(table.clone()),
        Arc::new(table.clone()),
        Arc::new(table.clone()),
        governor(&table),
        Some(unique()),
        clock.clone(),
    );
    for _ in 0..3 {
        assert!(answer(&confirmation, confirmation_event(&winner, spellings[3])).await.is_ok());
    }
    clock.advance(SignedDuration::from_hours(24 * 365));
    for spelling in &spellings {
        assert_eq!(sign_up("late".into(), spelling).await, Err(Refusal::SignUpNotPossible), "{spelling}");
    }
    assert!(sign_up("late".into(), "someone@example.com").await.is_ok());
}

fn sign_up_event(name: &str, email: &str) -> Value {
    json!({
        "triggerSource": "PreSignUp_SignUp", "userName": name,
        "request": { "userAttributes": { "email": email } }, "response": {},
    })
}

fn confirmation_event(name: &str, email: &str) -> Value {
    json!({
        "triggerSource": "PostConfirmation_ConfirmSignUp", "userName": name,
        "request": { "userAttributes": { "sub": name, "email": email, "email_verified": "true" } },
        "response": {},
    })
}

fn lookup(folder: &std::path::Path) -> impl Fn(&str) -> Option<String> {
    move |name| match name {
        "MFA_CONFIG_DIR" => folder.to_str().map(str::to_owned),
        "MFA_HASH_KEY" => Some("k".repeat(32)),
        _ => None,
    }
}

fn unique_addresses(policy: &str, table: &Table) -> UniqueAddresses {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let settings = config::load(&lookup(folder.path()), UniqueSettings::read).unwrap();
    settings.unwrap().addresses(Arc::new(table.clone()))
}

fn governor(table: &Table) -> mfa_core::delivery::toll_fraud::Governor {
    let none = tempfile::tempdir().unwrap();
    config::load(&lookup(none.path()), mfa_core::delivery::toll_fraud::GovernorSettings::read)
        .unwrap()
        .governor(Arc::new(table.clone()))
}

/// Checks the operations behind `cognito-mfa audit` and `cognito-mfa forget-user`.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_reads_the_trail_by_time_and_erases_a_user() {
    use jiff::{SignedDuration, Timestamp};
    use mfa_core::{
        audit::{AuditAction, AuditEntry, AuditTrail},
        sign_in::{SignInLedger, Subject},
    };
    use mfa_testkit::{ManualClock, SeededEntropy};

    let (table, db) = table().await;
    let (alex, sam) = (UserId::parse("op-alex").unwrap(), UserId::parse("op-sam").unwrap());
    let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    let hour = |hours: i64| start + SignedDuration::from_hours(hours);
    let entropy = SeededEntropy::new(7);
    for hours in 0..60 {
        let clock = ManualClock::at(hour(hours));
        let action = AuditAction::TotpStarted { replace: hours % 2 == 0 };
        table.append(&AuditEntry::new(&clock, &entropy, alex.clone(), action).unwrap()).await.unwrap();
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
    use mfa_core::{
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
