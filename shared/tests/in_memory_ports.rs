//! The in-memory ports keep the contracts that the adapters keep (shared/aws/tests/table.rs).

use shared::kernel::{AccessToken, OneTimeCode, UserId};
use shared_testkit::{InMemorySeeds, InMemoryTable, InMemoryUserPool, contract};

#[tokio::test]
async fn confirmed_users() {
    contract::confirmed_users(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn sign_in_ledger() {
    contract::sign_in_ledger(&InMemoryTable::default()).await;
    contract::back_off(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn address_claims() {
    contract::address_claims(&InMemoryTable::default()).await;
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
    contract::correspondence(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn claims() {
    contract::claims(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn own_factors() {
    contract::own_factors(&InMemoryTable::default()).await;
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
    contract::user_items(&table, &table).await;
}

#[tokio::test]
async fn native_factors() {
    let pool = InMemoryUserPool::new(UserId::parse("alex").unwrap());
    let token = AccessToken::from_authorization("token").unwrap();
    let code = |_: &_| OneTimeCode::parse(InMemoryUserPool::CODE).unwrap();
    contract::native_factors(&pool, &token, code, async || pool.revoke()).await;
}
