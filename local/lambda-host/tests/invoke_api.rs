//! The Invoke API, the queue of events and the timeline, over a `Lambda` that answers by script.

#![cfg(test)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request as HttpRequest, Response, StatusCode};
use local_lambda_host::{
    ASYNC_PAYLOAD_LIMIT, Answer, AsyncPolicy, EventQueue, FunctionError, GaveUp, Invocation, InvokeError,
    Lambda, PAYLOAD_LIMIT, Request, Timeline, function_name, invoke_api,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt as _;

type Outcome = Result<Result<Value, FunctionError>, InvokeError>;

/// Answers by script, then with the event itself; tells each request it got and when.
struct Scripted {
    script: Mutex<VecDeque<Outcome>>,
    asked: mpsc::UnboundedSender<(Request, Instant)>,
}

fn scripted(script: Vec<Outcome>) -> (Arc<dyn Lambda>, mpsc::UnboundedReceiver<(Request, Instant)>) {
    let (asked, requests) = mpsc::unbounded_channel();
    (Arc::new(Scripted { script: Mutex::new(script.into()), asked }), requests)
}

#[async_trait]
impl Lambda for Scripted {
    async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
        self.asked.send((request.clone(), Instant::now())).unwrap();
        let next = self.script.lock().unwrap().pop_front();
        let echo = || Ok(Ok(serde_json::from_slice(&request.payload).unwrap()));
        let result = next.unwrap_or_else(echo)?.map(|value| Answer(Bytes::from(value.to_string())));
        Ok(Invocation {
            request_id: request.request_id,
            result,
            init: None,
            duration: Duration::from_millis(1),
            init_usage: None,
            usage: None,
        })
    }
}

fn broken() -> FunctionError {
    FunctionError::new("Broken", "no".to_owned())
}

async fn post(api: &Router, function: &str, kind: Option<&str>, body: impl Into<Body>) -> Response<Body> {
    let mut request = HttpRequest::post(format!("/2015-03-31/functions/{function}/invocations"));
    if let Some(kind) = kind {
        request = request.header("X-Amz-Invocation-Type", kind);
    }
    api.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn body(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), PAYLOAD_LIMIT).await.unwrap()).unwrap()
}

fn api(script: Vec<Outcome>) -> (Router, mpsc::UnboundedReceiver<(Request, Instant)>) {
    let (lambda, requests) = scripted(script);
    (invoke_api(EventQueue::new(lambda, AsyncPolicy::default())), requests)
}

#[tokio::test]
async fn request_response_answers_with_the_functions_body() {
    let (api, mut requests) = api(vec![]);
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Aecho";
    let response = post(&api, arn, None, r#"{"a":1}"#).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-amz-executed-version"], "$LATEST");
    assert!(!response.headers().contains_key("x-amz-function-error"));
    assert_eq!(body(response).await, json!({ "a": 1 }));
    assert_eq!(function_name(&requests.recv().await.unwrap().0.function), "echo");
}

#[tokio::test]
async fn a_function_error_is_a_200_that_says_so() {
    let (api, _requests) = api(vec![Ok(Err(broken()))]);
    let response = post(&api, "echo", Some("RequestResponse"), "{}").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
    assert_eq!(body(response).await, json!({ "errorType": "Broken", "errorMessage": "no" }));
}

#[tokio::test]
async fn what_lambda_refuses_has_its_own_status_and_exception() {
    let not_found = InvokeError::NotFound("arn:x".to_owned());
    for (script, kind, payload, status, exception) in [
        (vec![Err(not_found)], None, "{}".to_owned(), 404, "ResourceNotFoundException"),
        (vec![Err(InvokeError::TooManyRequests)], None, "{}".to_owned(), 429, "TooManyRequestsException"),
        (vec![], None, "{".to_owned(), 400, "InvalidRequestContentException"),
        (vec![], None, " ".repeat(PAYLOAD_LIMIT) + "{}", 413, "RequestTooLargeException"),
        (vec![], Some("Event"), " ".repeat(ASYNC_PAYLOAD_LIMIT) + "{}", 413, "RequestTooLargeException"),
    ] {
        let (api, _requests) = api(script);
        let response = post(&api, "echo", kind, payload).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], exception);
    }
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let (api, mut requests) = api(vec![]);
    assert_eq!(post(&api, "echo", Some("DryRun"), "{}").await.status(), StatusCode::NO_CONTENT);
    assert!(requests.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_three_times_further_and_further_apart_and_then_given_up() {
    let (lambda, mut requests) = scripted(vec![Ok(Err(broken())), Ok(Err(broken())), Ok(Err(broken()))]);
    let queue = EventQueue::new(lambda, AsyncPolicy::default());
    let response = post(&invoke_api(queue.clone()), "echo", Some("Event"), r#"{"a":1}"#).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);

    let (first, began) = requests.recv().await.unwrap();
    let (second, at_second) = requests.recv().await.unwrap();
    let (third, at_third) = requests.recv().await.unwrap();
    assert_eq!((first.attempt, second.attempt, third.attempt), (1, 2, 3));
    assert!(first.request_id == second.request_id && second.request_id == third.request_id);
    assert_eq!((at_second - began).as_secs(), 1);
    assert_eq!((at_third - at_second).as_secs(), 2);

    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(requests.try_recv().is_err(), "a fourth attempt");
    let letters = queue.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].reason, letters[0].attempts), (GaveUp::RetriesExhausted, 3));
    assert_eq!(letters[0].payload, r#"{"a":1}"#);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_succeeds_at_the_second_attempt_is_done() {
    let (lambda, mut requests) = scripted(vec![Ok(Err(broken()))]);
    let queue = EventQueue::new(lambda, AsyncPolicy::default());
    queue.push(Request::new("echo", "{}"));
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(requests.recv().await.unwrap().0.attempt, 1);
    assert_eq!(requests.recv().await.unwrap().0.attempt, 2);
    assert!(requests.try_recv().is_err() && queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn throttles_use_up_age_and_no_attempts() {
    let (lambda, mut requests) = scripted(vec![Err(InvokeError::TooManyRequests); 100]);
    let policy = AsyncPolicy { maximum_age: Duration::from_mins(1), ..AsyncPolicy::default() };
    let queue = EventQueue::new(lambda, policy);
    queue.push(Request::new("echo", "{}"));
    tokio::time::sleep(Duration::from_hours(1)).await;
    requests.close();
    let mut tries = 0;
    while let Some((request, _)) = requests.recv().await {
        assert_eq!(request.attempt, 1);
        tries += 1;
    }
    assert_eq!(tries, 6, "at 0, 1, 3, 7, 15 and 31 s");
    assert_eq!(queue.dead_letters()[0].reason, GaveUp::EventAgeExceeded);
}

#[tokio::test]
async fn the_timeline_keeps_what_passed_and_tells_subscribers() {
    let (lambda, _requests) = scripted(vec![Ok(Err(broken()))]);
    let timeline = Timeline::new(lambda);
    let mut news = timeline.subscribe();
    let mut request = Request::new("pre-sign-up", r#"{"secret":"hunter2"}"#);
    request.source = Some("PreSignUp_SignUp".to_owned());
    timeline.run(request).await.unwrap().result.unwrap_err();

    let record = news.recv().await.unwrap();
    assert_eq!((record.number, record.function.as_str()), (1, "pre-sign-up"));
    assert_eq!(record.source.as_deref(), Some("PreSignUp_SignUp"));
    assert_eq!(record.error.as_deref(), Some("Broken"));
    assert_eq!(record.request, r#"{"secret":"hunter2"}"#);
    assert!(!format!("{record:?}").contains("hunter2"));
    assert_eq!(timeline.records().len(), 1);
}
