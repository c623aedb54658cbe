//! The erasure of a user's items by a table that throttles.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::kernel::UserId;
use mfa_testkit::Deployed;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};

/// A table that leaves every batch unprocessed `left` times. It keeps the batches.
#[derive(Debug, Default)]
struct Throttled {
    left: usize,
    batches: Vec<Value>,
}

async fn answer(State(table): State<Arc<Mutex<Throttled>>>, headers: HeaderMap, body: String) -> Json<Value> {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    Json(match target.rsplit('.').next().unwrap() {
        "Query" => json!({ "Items": [{ "pk": { "S": "a" }, "sk": { "S": "b" } }] }),
        "BatchWriteItem" => {
            let batch: Value = serde_json::from_str(&body).unwrap();
            let mut table = table.lock().unwrap();
            table.batches.push(batch.clone());
            if table.left == 0 {
                json!({})
            } else {
                table.left -= 1;
                json!({ "UnprocessedItems": batch["RequestItems"] })
            }
        }
        _ => json!({}),
    })
}

/// Returns how often the erasure writes to a table that throttles everything `times` times, and whether it
/// succeeds.
async fn erased_after(times: usize) -> (usize, bool) {
    let table = Arc::new(Mutex::new(Throttled { left: times, batches: Vec::new() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = Router::new().fallback(post(answer)).with_state(table.clone());
    let server = tokio::spawn(async { axum::serve(listener, service).await });
    let aws = Aws::new(Deployed::at(&endpoint, "").read(AwsSettings::read)).unwrap();
    let is_erased = Table::new(&aws).forget(&UserId::parse("a1b2").unwrap()).await.is_ok();
    server.abort();
    let batches = std::mem::take(&mut table.lock().unwrap().batches);
    assert!(batches.windows(2).all(|pair| pair[0]["RequestItems"] == pair[1]["RequestItems"]));
    (batches.len(), is_erased)
}

#[tokio::test]
async fn unprocessed_keys_are_retried_with_a_limit() {
    let begun = Instant::now();
    assert_eq!(erased_after(2).await, (3, true));
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    // The pauses double from 50 ms to 3.2 s.
    assert_eq!(erased_after(100).await, (8, false));
}
