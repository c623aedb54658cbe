use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::ambient;
use crate::usage::Usage;

/// Runs functions: here as processes, or somewhere else.
#[async_trait]
pub trait Lambda: Send + Sync {
    /// `RequestResponse`. A caller that stops waiting does not stop the function, as on Lambda.
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError>;
}

/// One invocation as it is asked for.
#[derive(Clone)]
pub struct Request {
    /// Name or ARN.
    pub function: String,
    /// JSON text.
    pub payload: Bytes,
    /// The same for every attempt at one asynchronous event.
    pub request_id: String,
    /// What the invocation is for, for timelines: `PreSignUp_SignUp`, `GET /mfa`.
    pub source: Option<String>,
    /// 1 for the first.
    pub attempt: u8,
}

impl Request {
    pub fn new(function: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            function: function.into(),
            payload: payload.into(),
            request_id: ambient::unique_id().to_string(),
            source: None,
            attempt: 1,
        }
    }
}

/// Without the payload: trigger events hold passwords and codes.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("function", &self.function)
            .field("request_id", &self.request_id)
            .field("source", &self.source)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// One invocation that ran.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub request_id: String,
    pub result: Result<Answer, FunctionError>,
    /// Spawn → first `GET …/invocation/next`; `None` when the environment was warm.
    pub init: Option<Duration>,
    /// Delivery of the event → answer.
    pub duration: Duration,
    /// What the process had used when it was ready; `None` when warm or unknown.
    pub init_usage: Option<Usage>,
    /// What the process had used, over its whole life, after this invocation.
    pub usage: Option<Usage>,
}

impl Invocation {
    /// The answer as JSON; `None` when the function failed or answered with something else.
    pub fn json(&self) -> Option<Value> {
        self.result.as_ref().ok().and_then(|answer| serde_json::from_slice(&answer.0).ok())
    }
}

/// What a function posted as its response. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer(pub Bytes);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} bytes)", self.0.len())
    }
}

/// The function ran and failed: `X-Amz-Function-Error: Unhandled`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// `Runtime.ExitError`, `Sandbox.Timedout`, or the function's own.
    pub error_type: String,
    pub message: String,
    /// The invocation's response body.
    pub payload: Bytes,
}

impl FunctionError {
    pub fn new(error_type: &str, message: String) -> Self {
        let payload = json!({ "errorType": error_type, "errorMessage": message }).to_string().into();
        Self { error_type: error_type.to_owned(), message, payload }
    }

    /// From what a runtime posts to `…/error`: `{"errorType", "errorMessage", "stackTrace"?}`.
    pub fn posted(payload: Bytes) -> Self {
        let body: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let member = |name| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { error_type: member("errorType"), message: member("errorMessage"), payload }
    }

    /// `Task timed out after 5.00 seconds`, in Lambda's words.
    pub fn timed_out(request_id: &str, limit: Duration) -> Self {
        Self::new(
            "Sandbox.Timedout",
            format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", limit.as_secs_f64()),
        )
    }
}

/// Lambda did not run the function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("Function not found: {0}")]
    NotFound(String),
    #[error("Rate Exceeded.")]
    TooManyRequests,
    #[error("Request must be smaller than {0} bytes for the InvokeFunction operation")]
    TooLarge(usize),
    #[error("Could not parse request body into json: {0}")]
    NotJson(String),
    /// The service itself failed; the text is for the log.
    #[error("{0}")]
    Service(String),
}

impl InvokeError {
    /// The exception's name on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::TooLarge(_) => "RequestTooLargeException",
            Self::NotJson(_) => "InvalidRequestContentException",
            Self::Service(_) => "ServiceException",
        }
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::TooManyRequests => 429,
            Self::TooLarge(_) => 413,
            Self::NotJson(_) => 400,
            Self::Service(_) => 500,
        }
    }
}
