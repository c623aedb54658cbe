//! Lambda's Invoke API (2015-03-31).

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::ambient;
use crate::event_queue::EventQueue;
use crate::invocation::{InvokeError, Request};

/// 6 MB: request and response of a synchronous invocation.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;
/// 1 MB: an asynchronous event.
pub const ASYNC_PAYLOAD_LIMIT: usize = 1024 * 1024;

/// `POST /2015-03-31/functions/{name or ARN}/invocations`
pub fn invoke_api(queue: EventQueue) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .layer(DefaultBodyLimit::max(PAYLOAD_LIMIT))
        .with_state(queue)
}

async fn invoke(
    State(queue): State<EventQueue>,
    Path(function): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let invocation_type = headers
        .get("x-amz-invocation-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("RequestResponse");
    let limit = if invocation_type == "Event" { ASYNC_PAYLOAD_LIMIT } else { PAYLOAD_LIMIT };
    let payload = match body {
        Ok(body) if body.len() <= limit => body,
        _ => return refuse(&InvokeError::TooLarge(limit)),
    };
    // Lambda takes no payload for an empty object.
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&payload) {
        return refuse(&InvokeError::NotJson(error.to_string()));
    }
    let request = Request::new(function, payload);
    match invocation_type {
        "Event" => {
            let headers = [("x-amzn-requestid", request.request_id.clone())];
            queue.push(request);
            (StatusCode::ACCEPTED, headers).into_response()
        }
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        _ => match queue.lambda().run(request).await {
            Ok(invocation) => {
                let headers = [
                    ("content-type", "application/json".to_owned()),
                    ("x-amz-executed-version", "$LATEST".to_owned()),
                    ("x-amzn-requestid", invocation.request_id),
                ];
                match invocation.result {
                    Ok(answer) => (headers, answer.0).into_response(),
                    Err(error) => {
                        (headers, [("x-amz-function-error", "Unhandled")], error.payload).into_response()
                    }
                }
            }
            Err(error) => refuse(&error),
        },
    }
}

fn refuse(error: &InvokeError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = error.to_string();
    let body = match error {
        InvokeError::NotFound(_) => json!({ "Type": "User", "Message": message }),
        InvokeError::TooManyRequests => json!({
            "Type": "User",
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "message": message,
        }),
        InvokeError::Service(_) => json!({ "Type": "Service", "Message": "ServiceException" }),
        InvokeError::TooLarge(_) | InvokeError::NotJson(_) => {
            json!({ "Type": "User", "message": message })
        }
    };
    let headers = [
        ("x-amzn-errortype", error.code().to_owned()),
        ("x-amzn-requestid", ambient::unique_id().to_string()),
    ];
    (status, headers, Json(body)).into_response()
}
