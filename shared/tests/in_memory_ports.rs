//! The in-memory ports keep the contracts that the adapters keep (shared/aws/tests/table.rs).

use shared_testkit::{InMemoryTable, contract};

#[tokio::test]
async fn confirmed_users() {
    contract::confirmed_users(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn sign_in_ledger() {
    contract::sign_in_ledger(&InMemoryTable::default()).await;
}

#[tokio::test]
async fn audit_trail() {
    let table = InMemoryTable::default();
    contract::audit_trail(&table, async |user| {
        table.audit().iter().filter(|entry| entry.user == *user).count()
    })
    .await;
}
