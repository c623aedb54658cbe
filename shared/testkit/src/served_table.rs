//! A table with DynamoDB's semantics (dynoxide, in process) behind a meter, and the settings of functions
//! that use it.

use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::Database;
use mfa_core::config::{self, Environment};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
};

pub const TABLE: &str = "mfa";

/// The dependencies of a function, over one endpoint of DynamoDB and one policy.
#[derive(Debug)]
pub struct Deployed {
    endpoint: String,
    folder: tempfile::TempDir,
}

impl Deployed {
    /// Builds the dependencies. `policy` is TOML.
    pub fn at(endpoint: impl Into<String>, policy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("policy.toml"), policy).expect("a writable folder");
        Self { endpoint: endpoint.into(), folder }
    }

    pub fn read<T>(&self, read: impl FnOnce(&mut Environment<'_>) -> T) -> T {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            "MFA_TABLE" => Some(TABLE.to_owned()),
            "MFA_HASH_KEY" => Some("k".repeat(32)),
            "MFA_CONFIG_DIR" => self.folder.path().to_str().map(str::to_owned),
            name if name.starts_with("AWS_ENDPOINT_URL_") => Some(self.endpoint.clone()),
            _ => None,
        };
        config::load(&lookup, read).expect("settings")
    }
}

/// Requests to a table, and the on-demand capacity that they consume.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    pub requests: usize,
    pub read_units: f64,
    pub write_units: f64,
}

/// A table on a free port. It ends with the test's runtime.
#[derive(Debug)]
pub struct ServedTable {
    pub endpoint: String,
    spent: Arc<Mutex<Spent>>,
    losing: Losing,
}

/// The writing operation whose next answer gets lost.
type Losing = Arc<Mutex<Option<String>>>;

impl ServedTable {
    /// Returns an empty table that is not served yet.
    pub fn empty() -> Database {
        let db = Database::memory().expect("a database in memory");
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
        db.create_table(serde_json::from_value(definition).expect("a definition")).expect("a new table");
        db
    }

    /// Serves `db` on a free port without a meter, and returns its endpoint.
    pub async fn serve(db: Database) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, db, std::future::pending()));
        format!("http://{address}")
    }

    /// Serves `db` behind a meter, which requests the consumed capacity of each call.
    pub async fn metered(db: Database) -> Self {
        let behind = Self::serve(db).await;
        let front = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", front.local_addr().expect("an address"));
        let spent = Arc::<Mutex<Spent>>::default();
        let losing = Losing::default();
        let (meter, loses) = (Arc::clone(&spent), Arc::clone(&losing));
        tokio::spawn(async move {
            let address = behind.trim_start_matches("http://");
            while let Ok((client, _)) = front.accept().await {
                let table = TcpStream::connect(address).await.expect("the table");
                tokio::spawn(relay(client, table, Arc::clone(&meter), Arc::clone(&loses)));
            }
        });
        Self { endpoint, spent, losing }
    }

    /// Lets the next write by `operation` succeed and cuts the connection before its answer.
    pub fn lose_answer_to_write(&self, operation: &str) {
        *self.losing.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation.to_owned());
    }

    /// Returns and clears the consumption.
    pub fn spent(&self) -> Spent {
        std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn relay(client: TcpStream, table: TcpStream, meter: Arc<Mutex<Spent>>, losing: Losing) {
    let (mut client, mut table) = (BufStream::new(client), BufStream::new(table));
    while let Some((head, body)) = message(&mut client).await {
        let mut request: Value = serde_json::from_slice(&body).expect("JSON");
        if let Some(members) = request.as_object_mut() {
            members.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        }
        let body = request.to_string();
        let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        let head = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\r\n");
        let asked = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        table.write_all(asked.as_bytes()).await.expect("the table");
        table.flush().await.expect("the table");
        let is_read = [".GetItem", ".Query", ".Scan"].iter().any(|operation| head.contains(operation))
            || body.contains(r#""Statement":"SELECT "#);
        let is_lost = {
            let mut losing = losing.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it =
                |operation: &mut String| head.lines().any(|line| line.ends_with(&format!(".{operation}")));
            !is_read && losing.take_if(is_it).is_some()
        };
        let (head, body) = message(&mut table).await.expect("the table's answer");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        // A batch lists its capacity by table.
        let consumed = ["/ConsumedCapacity", "/ConsumedCapacity/0"].map(|at| answer.pointer(at));
        let units = consumed.iter().flatten().find_map(|consumed| consumed.get("CapacityUnits")?.as_f64());
        {
            let mut spent = meter.lock().unwrap_or_else(PoisonError::into_inner);
            spent.requests += 1;
            *(if is_read { &mut spent.read_units } else { &mut spent.write_units }) +=
                units.unwrap_or_default();
        }
        if is_lost {
            return;
        }
        // A client that has stopped waiting needs no answer.
        let passed_on = async {
            client.write_all(head.as_bytes()).await?;
            client.write_all(&body).await?;
            client.flush().await
        };
        if passed_on.await.is_err() {
            return;
        }
    }
}

/// Reads the head of an HTTP message, up to its empty line, and its body. Returns `None` at the end of the
/// stream.
async fn message(stream: &mut BufStream<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
