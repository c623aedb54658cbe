use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::{self, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::function::function_name;
use crate::invocation::{Answer, FunctionError, Invocation, InvokeError, Lambda, Request};

/// Invokes functions through an Invoke API that runs elsewhere, such as `cargo lambda watch`,
/// which rebuilds a function when its source changes.
///
/// Such a host differs from Lambda: its function errors come without `X-Amz-Function-Error`, and an
/// invocation of a function that died never ends. So the shape of the body marks an error, and this type
/// keeps the function's time-out.
#[derive(Debug)]
pub struct Forward {
    endpoint: String,
    timeouts: BTreeMap<String, Duration>,
    client: Client<HttpConnector, Body>,
}

#[derive(Deserialize)]
struct ErrorShape {
    #[serde(rename = "errorType")]
    _error_type: String,
    #[serde(rename = "errorMessage")]
    _message: String,
}

impl Forward {
    /// `endpoint` without a path, such as `http://127.0.0.1:9000`; time-outs by function name.
    pub fn new(endpoint: &str, timeouts: BTreeMap<String, Duration>) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            timeouts,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    async fn post(&self, name: &str, payload: Bytes) -> Result<Result<Answer, FunctionError>, InvokeError> {
        let service = |error: &dyn std::error::Error| InvokeError::Service(error.to_string());
        let request =
            http::Request::post(format!("{}/2015-03-31/functions/{name}/invocations", self.endpoint))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(payload))
                .map_err(|error| service(&error))?;
        let response = self.client.request(request).await.map_err(|error| service(&error))?;
        let status = response.status();
        let marked = response.headers().contains_key("x-amz-function-error");
        let body = response.into_body().collect().await.map_err(|error| service(&error))?.to_bytes();
        if status == StatusCode::NOT_FOUND {
            return Err(InvokeError::NotFound(name.to_owned()));
        }
        if marked || serde_json::from_slice::<ErrorShape>(&body).is_ok() {
            return Ok(Err(FunctionError::posted(body)));
        }
        if !status.is_success() {
            return Err(InvokeError::Service(format!("{} answered {status}", self.endpoint)));
        }
        Ok(Ok(Answer(body)))
    }
}

#[async_trait]
impl Lambda for Forward {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        let name = function_name(&request.function);
        let Some(&limit) = self.timeouts.get(name) else {
            return Err(InvokeError::NotFound(name.to_owned()));
        };
        let began = Instant::now();
        let result = match timeout(limit, self.post(name, request.payload)).await {
            Ok(result) => result?,
            Err(_elapsed) => Err(FunctionError::timed_out(&request.request_id, limit)),
        };
        Ok(Invocation {
            request_id: request.request_id,
            result,
            init: None,
            duration: began.elapsed(),
            init_usage: None,
            usage: None,
        })
    }
}
