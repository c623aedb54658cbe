//! Forwarding to an Invoke API that behaves like `cargo lambda watch`.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use local_lambda_host::{Forward, InvokeError, Lambda as _, Request};
use serde_json::json;
use tokio::net::TcpListener;

async fn watch(Path(function): Path<String>, body: String) -> Response {
    match function.as_str() {
        "fails" => r#"{"errorType":"Broken","errorMessage":"no"}"#.into_response(),
        "dies" => std::future::pending().await,
        _ => body.into_response(),
    }
}

async fn forward() -> Forward {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/2015-03-31/functions/{function}/invocations", post(watch));
    tokio::spawn(async { axum::serve(listener, router).await });
    let limit = Duration::from_millis(300);
    let timeouts = ["echo", "fails", "dies"].map(|name| (name.to_owned(), limit));
    Forward::new(&endpoint, BTreeMap::from(timeouts))
}

#[tokio::test]
async fn answers_come_back() {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:echo";
    let invocation = forward().await.run(Request::new(arn, r#"{"a":1}"#)).await.unwrap();
    assert_eq!(invocation.json(), Some(json!({ "a": 1 })));
}

#[tokio::test]
async fn an_error_is_known_by_its_shape() {
    let invocation = forward().await.run(Request::new("fails", "{}")).await.unwrap();
    assert_eq!(invocation.result.unwrap_err().message, "no");
}

#[tokio::test]
async fn a_function_that_never_answers_times_out_here() {
    let invocation = forward().await.run(Request::new("dies", "{}")).await.unwrap();
    assert_eq!(invocation.result.unwrap_err().error_type, "Sandbox.Timedout");
}

#[tokio::test]
async fn a_function_that_is_not_deployed_is_not_asked_for() {
    let refused = forward().await.run(Request::new("other", "{}")).await.unwrap_err();
    assert_eq!(refused, InvokeError::NotFound("other".to_owned()));
}

#[tokio::test]
async fn nobody_there_is_a_fault_of_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let timeouts = BTreeMap::from([("echo".to_owned(), Duration::from_secs(1))]);
    let refused = Forward::new(&endpoint, timeouts).run(Request::new("echo", "{}")).await.unwrap_err();
    assert!(matches!(refused, InvokeError::Service(_)));
}
