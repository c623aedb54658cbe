//! A function that does what its event says, for the tests of the host.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "an example reads one variable")]
    let init = std::env::var("INIT").unwrap_or_default();
    match init.as_str() {
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        _ => lambda_runtime::run(service_fn(obey)).await,
    }
}

async fn obey(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (order, context) = event.into_parts();
    let number = |name: &str| order.get(name).and_then(Value::as_u64);
    if let Some(line) = order.get("print").and_then(Value::as_str) {
        eprintln!("{line}");
    }
    if let Some(ms) = number("sleep_ms") {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    if number("spin").is_some() {
        loop {
            std::hint::spin_loop();
        }
    }
    if let Some(code) = number("exit") {
        std::process::exit(i32::try_from(code)?);
    }
    if order.get("abort").is_some() {
        std::process::abort();
    }
    if order.get("exit_after").is_some() {
        tokio::spawn(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            std::process::exit(0);
        });
    }
    if let Some(message) = order.get("fail").and_then(Value::as_str) {
        return Err(message.into());
    }
    if let Some(bytes) = number("answer_bytes") {
        return Ok(Value::String("x".repeat(usize::try_from(bytes)?)));
    }
    #[expect(clippy::disallowed_methods, reason = "an example shows its environment")]
    let environment: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, Value::String(value))).collect();
    Ok(json!({
        "order": order,
        "pid": std::process::id(),
        "environment": environment,
        "request_id": context.request_id,
        "deadline": context.deadline,
        "arn": context.invoked_function_arn,
        "trace": context.xray_trace_id,
    }))
}
