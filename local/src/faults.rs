//! Faults to switch on while the cloud runs: a function or a service that is slow, fails,
//! throttles or returns an unreadable answer.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use local_lambda_host::{Answer, FunctionError, Invocation, InvokeError, Lambda, Request, function_name};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use crate::ambient::unique_id;
use crate::listeners::Service;

/// What is wrong with a function or a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fault {
    /// Waits so long before anything else; 60 s at most.
    pub delay_ms: u64,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// The function ends with an error; the service answers 500.
    Fails,
    /// Too many requests.
    Throttles,
    /// Returns a success with an unreadable body.
    Malformed,
}

/// Neither JSON nor XML.
const MALFORMED: &str = "{<";
const LONGEST: Duration = Duration::from_mins(1);

/// Faults by the name of a function or a service.
#[derive(Debug, Default)]
pub struct Faults(RwLock<BTreeMap<String, Fault>>);

impl Faults {
    pub fn all(&self) -> BTreeMap<String, Fault> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By default there is no fault.
    pub fn set(&self, target: &str, fault: Fault) {
        let mut faults = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if fault == Fault::default() {
            faults.remove(target);
        } else {
            faults.insert(target.to_owned(), fault);
        }
    }

    async fn suffer(&self, target: &str) -> Option<Failure> {
        let fault = self.0.read().unwrap_or_else(PoisonError::into_inner).get(target).copied()?;
        sleep(Duration::from_millis(fault.delay_ms).min(LONGEST)).await;
        fault.failure
    }

    /// `router` with the faults of `service`.
    pub fn around(self: &Arc<Self>, service: Service, router: Router) -> Router {
        router.layer(from_fn_with_state((Arc::clone(self), service), answer_for_service))
    }
}

async fn answer_for_service(
    State((faults, service)): State<(Arc<Faults>, Service)>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let Some(failure) = faults.suffer(service.name()).await else {
        return next.run(request).await;
    };
    let (status, code) = match failure {
        Failure::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Failure::Throttles => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        Failure::Malformed => return MALFORMED.into_response(),
    };
    if service == Service::Sns {
        return super::messaging::query_error(status, code, "a fault switched on in the console");
    }
    let body = json!({ "__type": code, "message": "a fault switched on in the console" }).to_string();
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", code)];
    (status, headers, body).into_response()
}

/// Functions with their faults.
#[derive(Clone)]
pub struct Faulty {
    pub lambda: Arc<dyn Lambda>,
    pub faults: Arc<Faults>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faulty").field("faults", &self.faults).finish_non_exhaustive()
    }
}

#[async_trait]
impl Lambda for Faulty {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        match self.faults.suffer(function_name(&request.function)).await {
            None => self.lambda.run(request).await,
            Some(Failure::Throttles) => Err(InvokeError::TooManyRequests),
            Some(Failure::Fails) => {
                let error = FunctionError::new("Fault", "a fault switched on in the console".to_owned());
                Ok(instead_of_running(Err(error)))
            }
            Some(Failure::Malformed) => Ok(instead_of_running(Ok(Answer(MALFORMED.into())))),
        }
    }
}

fn instead_of_running(result: Result<Answer, FunctionError>) -> Invocation {
    Invocation {
        request_id: unique_id().to_string(),
        result,
        init: None,
        duration: Duration::ZERO,
        init_usage: None,
        usage: None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tokio::time::Instant;
    use tower::ServiceExt as _;

    use super::*;

    struct Fine;

    #[async_trait]
    impl Lambda for Fine {
        async fn run(&self, _request: Request) -> Result<Invocation, InvokeError> {
            Err(InvokeError::NotFound("reached".to_owned()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_is_slow_fails_and_throttles_as_told() {
        let faults = Arc::new(Faults::default());
        let lambda = Faulty { lambda: Arc::new(Fine), faults: faults.clone() };
        let run = || lambda.run(Request::new("deliver", "{}"));
        let reached = InvokeError::NotFound("reached".to_owned());
        assert_eq!(run().await.unwrap_err(), reached);

        faults.set("deliver", Fault { delay_ms: 2_000, failure: None });
        let began = Instant::now();
        assert_eq!(run().await.unwrap_err(), reached);
        assert_eq!(began.elapsed(), Duration::from_secs(2));

        faults.set("deliver", Fault { delay_ms: 0, failure: Some(Failure::Throttles) });
        assert_eq!(run().await.unwrap_err(), InvokeError::TooManyRequests);
        faults.set("deliver", Fault { delay_ms: 0, failure: Some(Failure::Fails) });
        assert!(run().await.unwrap().result.is_err());
        faults.set("deliver", Fault { delay_ms: 0, failure: Some(Failure::Malformed) });
        let Answer(answer) = run().await.unwrap().result.unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&answer).is_err());
        faults.set("deliver", Fault::default());
        assert_eq!(run().await.unwrap_err(), reached);
        assert!(faults.all().is_empty());
    }

    #[tokio::test]
    async fn a_service_fails_without_being_reached() {
        let faults = Arc::new(Faults::default());
        let router = faults.around(Service::Kms, Router::new().route("/", get(async || "reached")));
        let status = async |router: &Router| {
            let request = HttpRequest::get("/").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            (response.status().as_u16(), response.headers().contains_key("x-amzn-errortype"))
        };
        assert_eq!(status(&router).await, (200, false));
        faults.set("kms", Fault { delay_ms: 0, failure: Some(Failure::Fails) });
        assert_eq!(status(&router).await, (500, true));
        faults.set("kms", Fault { delay_ms: 0, failure: Some(Failure::Throttles) });
        assert_eq!(status(&router).await, (400, true));
    }
}
