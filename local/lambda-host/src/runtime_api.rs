//! The Lambda Runtime API (2018-06-01) as one execution environment sees it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use crate::invoke_api::PAYLOAD_LIMIT;

/// One event on its way into the environment.
pub(crate) struct Delivery {
    pub(crate) request_id: String,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) deadline_ms: i64,
    pub(crate) payload: Bytes,
}

/// What the runtime in the environment said.
pub(crate) enum RuntimeReport {
    /// `GET /invocation/next`: it is ready for an event.
    Ready,
    InitError(Bytes),
    Response {
        request_id: String,
        body: Bytes,
    },
    Error {
        request_id: String,
        body: Bytes,
    },
}

pub(crate) struct RuntimeApi {
    deliveries: Mutex<mpsc::Receiver<Delivery>>,
    said: mpsc::UnboundedSender<RuntimeReport>,
}

impl RuntimeApi {
    pub(crate) fn router(
        deliveries: mpsc::Receiver<Delivery>,
        said: mpsc::UnboundedSender<RuntimeReport>,
    ) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // A larger answer is read, so that the runtime can be told why it is refused.
            .layer(DefaultBodyLimit::max(2 * PAYLOAD_LIMIT))
            .with_state(Arc::new(Self { deliveries: Mutex::new(deliveries), said }))
    }

    fn say(&self, said: RuntimeReport) -> Response {
        match self.said.send(said) {
            Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response(),
            Err(_) => StatusCode::GONE.into_response(),
        }
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    // The lock first: a runtime that asks twice at once is ready once.
    let mut deliveries = api.deliveries.lock().await;
    if api.said.send(RuntimeReport::Ready).is_err() {
        return StatusCode::GONE.into_response();
    }
    let Some(delivery) = deliveries.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", delivery.request_id),
        ("lambda-runtime-deadline-ms", delivery.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", delivery.function_arn),
        ("lambda-runtime-trace-id", delivery.trace_id),
        ("content-type", "application/json".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    (headers, delivery.payload).into_response()
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    if body.len() > PAYLOAD_LIMIT {
        let message = format!("Exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
        let refusal = json!({ "errorType": "RequestEntityTooLarge", "errorMessage": message });
        let error = json!({
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."),
        });
        let _accepted = api.say(RuntimeReport::Error { request_id, body: error.to_string().into() });
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(refusal)).into_response();
    }
    api.say(RuntimeReport::Response { request_id, body })
}

async fn error(State(api): State<Arc<RuntimeApi>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    api.say(RuntimeReport::Error { request_id, body })
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> Response {
    api.say(RuntimeReport::InitError(body))
}
