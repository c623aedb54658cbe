//! DynamoDB: dynoxide in this process, with the template's tables.
//!
//! dynoxide serves a listener of its own, so the one that functions know stands before it: there
//! requests pass the front door, and the operations that dynoxide lacks are answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use dynoxide::Database;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::interval;

use crate::template::Table;

/// Between two sweeps of expired items. AWS takes up to days; code must not rely on either.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// DynamoDB's own limit on a request.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A running DynamoDB.
#[derive(Debug)]
pub struct DynamoDb {
    address: SocketAddr,
    tasks: JoinSet<()>,
}

impl DynamoDb {
    /// Opens the database, on disk or in memory, and creates the tables that it lacks.
    pub async fn start(file: Option<PathBuf>, tables: Vec<Table>) -> Result<Self> {
        let database = spawn_blocking(move || open(file.as_deref(), &tables)).await??;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        let served = database.clone();
        tasks.spawn(async move {
            let never = std::future::pending();
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, never).await {
                tracing::error!(error, "DynamoDB stopped");
            }
        });
        tasks.spawn(sweep(database));
        Ok(Self { address, tasks })
    }

    pub fn router(&self) -> Router {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let restore = Arc::new(AtomicBool::new(true));
        Router::new().fallback(forward).with_state(Inner { address: self.address, client, restore })
    }

    /// Closes the database when its last user is gone.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn open(file: Option<&Path>, tables: &[Table]) -> Result<Database> {
    let database = match file {
        None => Database::memory().map_err(|error| anyhow!("DynamoDB in memory: {error}"))?,
        Some(path) => {
            let text = path.to_str().context("the state folder's name is not UTF-8")?;
            Database::new(text)
                .map_err(|error| anyhow!("{text} is no DynamoDB state ({error}); start with --fresh"))?
        }
    };
    for table in tables {
        create(&database, table).with_context(|| format!("table {}", table.name))?;
    }
    Ok(database)
}

fn create(database: &Database, table: &Table) -> Result<()> {
    let name = json!({ "TableName": table.name });
    if database.describe_table(serde_json::from_value(name)?).is_ok() {
        return Ok(());
    }
    let fault = |error: dynoxide::DynoxideError| anyhow!("{error}");
    database.create_table(serde_json::from_value(table.create.clone())?).map_err(fault)?;
    if let Some(attribute) = &table.ttl_attribute {
        let ttl = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
        });
        database.update_time_to_live(serde_json::from_value(ttl)?).map_err(fault)?;
    }
    Ok(())
}

async fn sweep(database: Database) {
    let mut tick = interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let swept = database.clone();
        match spawn_blocking(move || swept.sweep_ttl()).await {
            Ok(Ok(_count)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "sweep of expired items"),
            Err(error) => tracing::warn!(%error, "sweep of expired items"),
        }
    }
}

#[derive(Clone)]
struct Inner {
    address: SocketAddr,
    client: Client<HttpConnector, Body>,
    /// Point-in-time restore, of whichever table.
    restore: Arc<AtomicBool>,
}

async fn forward(State(inner): State<Inner>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(answer) = not_in_dynoxide(&head.headers, &body, &inner.restore) {
        return answer;
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://{}{path}", inner.address).parse::<Uri>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    head.uri = uri;
    head.headers.remove(header::HOST);
    match inner.client.request(Request::from_parts(head, Body::from(body))).await {
        Ok(answer) => answer.into_response(),
        Err(error) => {
            tracing::warn!(%error, "DynamoDB");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Point-in-time restore, which the operator's check asks for: there is nothing to restore from.
fn not_in_dynoxide(headers: &HeaderMap, body: &Bytes, restore: &AtomicBool) -> Option<Response> {
    let operation = headers.get("x-amz-target")?.to_str().ok()?.strip_prefix("DynamoDB_20120810.")?;
    match operation {
        "DescribeContinuousBackups" => {}
        "UpdateContinuousBackups" => {
            let input: Value = serde_json::from_slice(body).unwrap_or_default();
            let enabled = input.pointer("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled");
            restore.store(enabled.and_then(Value::as_bool).unwrap_or_default(), Ordering::Relaxed);
        }
        _ => return None,
    }
    let status = restore.load(Ordering::Relaxed);
    let status = if status { "ENABLED" } else { "DISABLED" };
    let description = json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
        }
    });
    Some(([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], Json(description)).into_response())
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    fn table() -> Table {
        Table {
            name: "Table".to_owned(),
            create: json!({
                "TableName": "Table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            }),
            ttl_attribute: Some("ttl".to_owned()),
        }
    }

    async fn call(dynamodb: &DynamoDb, operation: &str, input: Value) -> (StatusCode, Value) {
        let request = Request::post("/")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260102T030405Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260102/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=00",
            )
            .body(Body::from(input.to_string()))
            .unwrap();
        let response = dynamodb.router().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), BODY_LIMIT).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn the_templates_table_is_there_with_its_ttl() {
        let dynamodb = DynamoDb::start(None, vec![table()]).await.unwrap();
        let item = json!({ "TableName": "Table", "Item": { "pk": { "S": "a" } } });
        assert_eq!(call(&dynamodb, "PutItem", item).await, (StatusCode::OK, json!({})));
        let ttl = call(&dynamodb, "DescribeTimeToLive", json!({ "TableName": "Table" })).await.1;
        assert_eq!(ttl["TimeToLiveDescription"]["AttributeName"], "ttl");
        let backups = call(&dynamodb, "DescribeContinuousBackups", json!({ "TableName": "Table" })).await.1;
        assert_eq!(backups["ContinuousBackupsDescription"]["ContinuousBackupsStatus"], "ENABLED");
    }

    #[tokio::test]
    async fn items_on_disk_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dynamodb.sqlite");
        let key = json!({ "pk": { "S": "a" } });
        let first = DynamoDb::start(Some(file.clone()), vec![table()]).await.unwrap();
        call(&first, "PutItem", json!({ "TableName": "Table", "Item": key })).await;
        first.stop().await;
        let second = DynamoDb::start(Some(file), vec![table()]).await.unwrap();
        let item = call(&second, "GetItem", json!({ "TableName": "Table", "Key": key })).await.1;
        assert_eq!(item["Item"]["pk"]["S"], "a");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dynamodb.sqlite");
        std::fs::write(&file, "not a database, certainly not").unwrap();
        let error = DynamoDb::start(Some(file), vec![table()]).await.unwrap_err().to_string();
        assert!(error.contains("--fresh") && !error.contains('\n'), "{error}");
    }
}
