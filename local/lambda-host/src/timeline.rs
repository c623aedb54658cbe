use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::ambient;
use crate::function::function_name;
use crate::invocation::{Invocation, InvokeError, Lambda, Request};

/// Records kept.
const KEPT: usize = 500;

/// One invocation that is over. Request and response stay in memory and out of `Debug`.
#[derive(Clone)]
pub struct Record {
    /// Counts up by one per record.
    pub number: u64,
    pub request_id: String,
    pub function: String,
    pub source: Option<String>,
    pub attempt: u8,
    pub began: Timestamp,
    /// `None`: warm.
    pub init: Option<Duration>,
    pub duration: Duration,
    pub request: Bytes,
    /// The response body, or the reason for its absence.
    pub response: Result<Bytes, String>,
    /// `errorType`, or the Invoke API's exception.
    pub error: Option<String>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("function", &self.function)
            .field("source", &self.source)
            .field("attempt", &self.attempt)
            .field("init", &self.init)
            .field("duration", &self.duration)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// Keeps a record of each invocation that passes through.
pub struct Timeline {
    lambda: Arc<dyn Lambda>,
    kept: Arc<Kept>,
}

struct Kept {
    records: Mutex<Records>,
    news: broadcast::Sender<Record>,
}

#[derive(Default)]
struct Records {
    count: u64,
    latest: VecDeque<Record>,
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timeline(..)")
    }
}

impl Timeline {
    pub fn new(lambda: Arc<dyn Lambda>) -> Self {
        let news = broadcast::Sender::new(KEPT);
        Self { lambda, kept: Arc::new(Kept { records: Mutex::default(), news }) }
    }

    /// The latest records, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.kept.lock().latest.iter().cloned().collect()
    }

    /// Every record from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.kept.news.subscribe()
    }
}

#[async_trait]
impl Lambda for Timeline {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        let (lambda, kept) = (Arc::clone(&self.lambda), Arc::clone(&self.kept));
        // A task of its own records the invocation even if its caller has stopped waiting.
        let recorded = tokio::spawn(async move {
            let began = ambient::now();
            let outcome = lambda.run(request.clone()).await;
            kept.add(began, request, &outcome);
            outcome
        });
        recorded.await.unwrap_or_else(|error| Err(InvokeError::Service(error.to_string())))
    }
}

impl Kept {
    fn lock(&self) -> std::sync::MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, began: Timestamp, request: Request, outcome: &Result<Invocation, InvokeError>) {
        let (init, duration) = match outcome {
            Ok(invocation) => (invocation.init, invocation.duration),
            Err(_) => (None, Duration::ZERO),
        };
        let (response, error) = match outcome {
            Ok(Invocation { result: Ok(answer), .. }) => (Ok(answer.0.clone()), None),
            Ok(Invocation { result: Err(error), .. }) => {
                (Ok(error.payload.clone()), Some(error.error_type.clone()))
            }
            Err(error) => (Err(error.to_string()), Some(error.code().to_owned())),
        };
        let mut records = self.lock();
        records.count += 1;
        let record = Record {
            number: records.count,
            request_id: request.request_id,
            function: function_name(&request.function).to_owned(),
            source: request.source,
            attempt: request.attempt,
            began,
            init,
            duration,
            request: request.payload,
            response,
            error,
        };
        if records.latest.len() == KEPT {
            records.latest.pop_front();
        }
        records.latest.push_back(record.clone());
        // Under the lock, so that subscribers see the numbers in order. The channel may have no subscriber.
        let _listeners = self.news.send(record);
    }
}
