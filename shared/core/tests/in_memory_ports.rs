//! The contract tests of the ports on the in-memory ports. The adapters pass the same tests
//! (shared/aws/tests/table.rs).

use jiff::Timestamp;
use mfa_core::{
    factors::devices::{DeviceId, PoolDevice},
    kernel::{AccessToken, OneTimeCode, UserId},
};
use mfa_testkit::{InMemoryLinks, InMemorySeeds, InMemoryTable, InMemoryUserPool, contract};

#[tokio::test]
async fn confirmed_users() {
    contract::confirmed_users(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn sign_in_ledger() {
    contract::sign_in_ledger(&InMemoryTable::default()).await;
    contract::sign_in_history(&InMemoryTable::default()).await;
    contract::back_off(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn federated_links() {
    let many = "many@example.com";
    let accounts = [("alex", "alex@example.com"), ("one", many), ("two", many), ("three", many)];
    let links = InMemoryLinks::with(&accounts);
    contract::federated_links(&links, "pool").await;
    assert_eq!(links.links().len(), 1);
}

#[tokio::test]
async fn address_claims() {
    contract::address_claims(&InMemoryTable::default()).await;
    let table = InMemoryTable::default();
    contract::claim_scan_contract(&table, &table).await;
}

#[tokio::test]
async fn audit_trail() {
    let table = InMemoryTable::default();
    contract::audit_trail(&table, async |user| {
        table.audit().iter().filter(|entry| entry.user == *user).count()
    })
    .await;
}

#[tokio::test]
async fn budgets() {
    contract::budgets(&InMemoryTable::default()).await;
    contract::bookings(&InMemoryTable::default()).await;
    contract::history(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn claims() {
    contract::claims(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn custom_factors() {
    contract::custom_factors(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn calls() {
    contract::call_counts(&InMemoryTable::default()).await;
    contract::requests(&InMemoryTable::default()).await;
    contract::audit_log(&InMemoryTable::default()).await;
    contract::device_labels(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn seeds() {
    contract::seeds(&InMemorySeeds).await;
}

#[tokio::test]
async fn challenges() {
    let table = InMemoryTable::default();
    contract::challenges(&table, &table).await;
}

#[tokio::test]
async fn recovery() {
    let table = InMemoryTable::default();
    contract::cases(&table).await;
    contract::tries(&table).await;
    contract::recovery_codes(&table, &table).await;
    contract::user_items(&table, &table, &table).await;
    contract::sign_in_records(&table).await;
    contract::verification_requests(&table).await;
}

#[tokio::test]
async fn address_book() {
    let pool = InMemoryUserPool::new(UserId::parse("alex").unwrap());
    let token = AccessToken::from_authorization("token").unwrap();
    let code = |_: &_| OneTimeCode::parse(InMemoryUserPool::CODE).unwrap();
    contract::address_book(&pool, &token, code, async || pool.revoke()).await;
}

#[tokio::test]
async fn device_registry() {
    let pool = InMemoryUserPool::new(UserId::parse("alex").unwrap());
    let id = |number| DeviceId::parse(&format!("us-east-1_a1b2c3d4-5678-40ab-9cde-{number:012x}")).unwrap();
    let ids: Vec<_> = (0..61).map(id).collect();
    for id in &ids {
        pool.add_device(PoolDevice {
            id: id.clone(),
            name: None,
            is_remembered: true,
            created_at: Timestamp::UNIX_EPOCH,
            last_used_at: Timestamp::UNIX_EPOCH,
        });
    }
    let token = AccessToken::from_authorization("token").unwrap();
    contract::device_registry(&pool, &token, &ids, async || pool.revoke()).await;
}

#[tokio::test]
async fn native_factors() {
    let pool = InMemoryUserPool::new(UserId::parse("alex").unwrap());
    let token = AccessToken::from_authorization("token").unwrap();
    let code = |_: &_| OneTimeCode::parse(InMemoryUserPool::CODE).unwrap();
    contract::native_factors(&pool, &token, code, async || pool.revoke()).await;
}
