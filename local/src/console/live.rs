//! Invocations and messages, as they were and as they come.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{Stream, unfold};
use local_lambda_host::{GaveUp, Record};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Console;

pub(super) async fn invocations(State(console): State<Arc<Console>>) -> Json<Value> {
    Json(console.timeline.records().iter().map(summary).collect())
}

/// One invocation with its request and response.
pub(super) async fn invocation(
    State(console): State<Arc<Console>>,
    Path(number): Path<u64>,
) -> Result<Json<Value>, StatusCode> {
    let records = console.timeline.records();
    let record = records.iter().find(|record| record.number == number).ok_or(StatusCode::NOT_FOUND)?;
    let mut details = summary(record);
    if let Value::Object(details) = &mut details {
        details.insert("request".to_owned(), readable(&record.request));
        let response = match &record.response {
            Ok(body) => readable(body),
            Err(reason) => Value::String(reason.clone()),
        };
        details.insert("response".to_owned(), response);
    }
    Ok(Json(details))
}

pub(super) async fn dead_letters(State(console): State<Arc<Console>>) -> Json<Value> {
    let letters = console.queue.dead_letters();
    let letters = letters.iter().map(|letter| {
        json!({
            "function": letter.function,
            "requestId": letter.request_id,
            "attempts": letter.attempts,
            "reason": match letter.reason {
                GaveUp::RetriesExhausted => "RetriesExhausted",
                GaveUp::EventAgeExceeded => "EventAgeExceeded",
            },
            "error": letter.error,
        })
    });
    Json(letters.collect())
}

/// `event: invocation` and `event: message`, from now on.
pub(super) async fn stream(
    State(console): State<Arc<Console>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let sources = (console.timeline.subscribe(), console.outbox.subscribe());
    let events = unfold(sources, async |(mut records, mut messages)| {
        let event = tokio::select! {
            record = following(&mut records) => named("invocation", &summary(&record?)),
            message = following(&mut messages) => named("message", &json!(message?)),
        };
        Some((Ok(event), (records, messages)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// The next item; a page that was too slow misses some. `None` at the end.
async fn following<T: Clone>(source: &mut Receiver<T>) -> Option<T> {
    loop {
        match source.recv().await {
            Ok(item) => return Some(item),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

fn named(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

fn summary(record: &Record) -> Value {
    json!({
        "number": record.number,
        "requestId": record.request_id,
        "function": record.function,
        "source": record.source,
        "attempt": record.attempt,
        "began": record.began,
        "initMs": record.init.map(|init| init.as_secs_f64() * 1000.0),
        "durationMs": record.duration.as_secs_f64() * 1000.0,
        "error": record.error,
    })
}

fn readable(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
