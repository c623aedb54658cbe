//! The host against a real `lambda_runtime` process (`examples/obedient.rs`).

#![cfg(test)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use local_lambda_host::{FunctionSpec, InvokeError, LambdaHost, Settings};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

fn obedient(name: &str) -> FunctionSpec {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    folder.pop();
    FunctionSpec::new(name, folder.join("examples").join("obedient"))
}

fn host(settings: Settings) -> Arc<LambdaHost> {
    let mut spec = obedient("obedient");
    spec.environment.insert("FROM_TEMPLATE".to_owned(), "yes".to_owned());
    spec.timeout = Duration::from_millis(600);
    LambdaHost::start_with(vec![spec], settings).unwrap()
}

fn pid(answer: &Value) -> Pid {
    Pid::from_raw(i32::try_from(answer["pid"].as_u64().unwrap()).unwrap())
}

/// Waits until the process is gone; a zombie that is not yet reaped counts as gone.
async fn ended(pid: Pid) {
    let gone = async {
        loop {
            let zombie = std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'));
            if zombie || kill(pid, None) == Err(Errno::ESRCH) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("process still runs");
}

#[tokio::test]
async fn the_first_invocation_is_cold_and_the_second_warm_in_the_same_process() {
    let host = host(Settings::default());
    let cold = host.invoke("obedient", &json!({})).await.unwrap();
    let warm = host.invoke("obedient", &json!({})).await.unwrap();
    assert!(cold.init.unwrap() > Duration::ZERO);
    assert_eq!(warm.init, None);
    assert_eq!(pid(&cold.json().unwrap()), pid(&warm.json().unwrap()));
    assert_ne!(cold.request_id, warm.request_id);
    assert_eq!(cold.json().unwrap()["request_id"], cold.request_id);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_and_cpu_are_measured_after_init_and_after_the_invocation() {
    let host = host(Settings::default());
    let cold = host.invoke("obedient", &json!({})).await.unwrap();
    let (init, end) = (cold.init_usage.unwrap(), cold.usage.unwrap());
    assert!(init.max_rss > 500_000 && end.max_rss >= init.max_rss, "{init:?} {end:?}");
    assert!(init.cpu > Duration::ZERO && end.cpu >= init.cpu, "{init:?} {end:?}");
    let later = host.usage("obedient").unwrap();
    assert!(later.cpu >= end.cpu, "{end:?} {later:?}");
    assert_eq!(host.usage("nobody"), None);
}

#[tokio::test]
async fn the_environment_holds_lambdas_variables_and_nothing_of_the_hosts() {
    let host = host(Settings::default());
    let answer = host.invoke("obedient", &json!({})).await.unwrap().json().unwrap();
    let environment = answer["environment"].as_object().unwrap();
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "obedient");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(environment["AWS_LAMBDA_INITIALIZATION_TYPE"], "on-demand");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["TZ"], ":UTC");
    assert_eq!(environment["FROM_TEMPLATE"], "yes");
    assert!(!environment.contains_key("HOME") && !environment.contains_key("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn the_context_is_lambdas() {
    let host = host(Settings::default());
    let answer = host.invoke("obedient", &json!({})).await.unwrap().json().unwrap();
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:111122223333:function:obedient");
    let trace = answer["trace"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-") && trace.contains(";Parent=") && trace.ends_with(";Sampled=0"));
    #[expect(clippy::disallowed_methods, reason = "the deadline is on the machine's clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let left = i128::from(answer["deadline"].as_u64().unwrap()) - i128::try_from(now).unwrap();
    assert!((1..=600).contains(&left), "{left} ms left");
}

#[tokio::test]
async fn invocations_at_the_same_time_run_in_environments_of_their_own() {
    let host = host(Settings::default());
    let order = json!({ "sleep_ms": 200 });
    let (one, two) = tokio::join!(host.invoke("obedient", &order), host.invoke("obedient", &order));
    assert_ne!(pid(&one.unwrap().json().unwrap()), pid(&two.unwrap().json().unwrap()));
    assert_eq!(host.idle_environments("obedient"), 2);
}

#[tokio::test]
async fn an_invocation_over_the_concurrency_limit_is_throttled() {
    let host = host(Settings { concurrency: 1, ..Settings::default() });
    let order = json!({ "sleep_ms": 200 });
    let (one, two) = tokio::join!(host.invoke("obedient", &order), host.invoke("obedient", &order));
    assert!(one.is_ok());
    assert_eq!(two.unwrap_err(), InvokeError::TooManyRequests);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_answered_for() {
    let host = host(Settings::default());
    let process = pid(&host.invoke("obedient", &json!({})).await.unwrap().json().unwrap());
    let late = host.invoke("obedient", &json!({ "spin": 1 })).await.unwrap();
    let error = late.result.unwrap_err();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert_eq!(
        error.message,
        format!("RequestId: {} Error: Task timed out after 0.60 seconds", late.request_id)
    );
    ended(process).await;
    assert!(host.invoke("obedient", &json!({})).await.unwrap().init.is_some());
}

#[tokio::test]
async fn a_process_that_exits_is_answered_for_in_lambdas_words() {
    let host = host(Settings::default());
    for (order, reason) in [
        (json!({ "exit": 7 }), "Runtime exited with error: exit status 7"),
        (json!({ "exit": 0 }), "Runtime exited without providing a reason"),
        (json!({ "abort": true }), "Runtime exited with error: signal: aborted"),
    ] {
        let invocation = host.invoke("obedient", &order).await.unwrap();
        let error = invocation.result.unwrap_err();
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert_eq!(error.message, format!("RequestId: {} Error: {reason}", invocation.request_id));
    }
}

#[tokio::test]
async fn an_error_of_the_function_comes_through_and_keeps_the_environment() {
    let host = host(Settings::default());
    let error = host.invoke("obedient", &json!({ "fail": "No entry" })).await.unwrap().result.unwrap_err();
    assert_eq!(error.message, "No entry");
    assert_eq!(serde_json::from_slice::<Value>(&error.payload).unwrap()["errorMessage"], "No entry");
    assert_eq!(host.invoke("obedient", &json!({})).await.unwrap().init, None);
}

#[tokio::test]
async fn an_environment_that_ended_while_idle_is_replaced_unseen() {
    let host = host(Settings::default());
    let first = host.invoke("obedient", &json!({ "exit_after": true })).await.unwrap();
    ended(pid(&first.json().unwrap())).await;
    let second = host.invoke("obedient", &json!({})).await.unwrap();
    assert!(second.result.is_ok() && second.init.is_some());
}

#[tokio::test]
async fn an_answer_over_six_megabytes_is_a_function_error() {
    let mut spec = obedient("obedient");
    spec.timeout = Duration::from_secs(10);
    let host = LambdaHost::start(vec![spec]).unwrap();
    let order = json!({ "answer_bytes": 6 * 1024 * 1024 + 1 });
    let error = host.invoke("obedient", &order).await.unwrap().result.unwrap_err();
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn a_failed_start_is_answered_for() {
    let mut exits = obedient("exits");
    exits.environment.insert("INIT".to_owned(), "exit".to_owned());
    let mut hangs = obedient("hangs");
    hangs.environment.insert("INIT".to_owned(), "hang".to_owned());
    let missing = FunctionSpec::new("missing", PathBuf::from("/nonexistent/bootstrap"));
    let settings = Settings { init_limit: Duration::from_millis(300), ..Settings::default() };
    let host = LambdaHost::start_with(vec![exits, hangs, missing], settings).unwrap();
    for (function, error_type, text) in [
        ("exits", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("hangs", "Sandbox.Timedout", "Task timed out after 0.30 seconds"),
        ("missing", "Runtime.InvalidEntrypoint", "No such file or directory"),
    ] {
        let error = host.invoke(function, &json!({})).await.unwrap().result.unwrap_err();
        assert_eq!(error.error_type, error_type);
        assert!(error.message.contains(text), "{}", error.message);
    }
}

#[tokio::test]
async fn idle_environments_stop() {
    let settings = Settings { idle_limit: Duration::from_millis(50), ..Settings::default() };
    let host = host(settings);
    let answer = host.invoke("obedient", &json!({})).await.unwrap().json().unwrap();
    ended(pid(&answer)).await;
    assert_eq!(host.idle_environments("obedient"), 0);
}

#[tokio::test]
async fn every_process_ends_with_the_host() {
    let host = host(Settings::default());
    let answer = host.invoke("obedient", &json!({})).await.unwrap().json().unwrap();
    drop(host);
    ended(pid(&answer)).await;
}

#[tokio::test]
async fn a_busy_function_ends_with_a_host_that_is_killed() {
    let folder = obedient("obedient").command.parent().unwrap().to_owned();
    let mut host = tokio::process::Command::new(folder.join("busy_host"))
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let function: i32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    kill(Pid::from_raw(function), None).expect("the function runs");
    kill(Pid::from_raw(i32::try_from(host.id().unwrap()).unwrap()), Signal::SIGKILL).unwrap();
    ended(Pid::from_raw(function)).await;
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_stop_the_function() {
    let host = host(Settings::default());
    let order = json!({ "sleep_ms": 200, "print": "taken" });
    let started = host.find_log("obedient", |line| line == "taken");
    let impatient = async {
        tokio::select! {
            _ = host.invoke("obedient", &order) => panic!("answered too early"),
            line = started => assert_eq!(line.as_deref(), Some("taken")),
        }
    };
    impatient.await;
    let returned = async {
        while host.idle_environments("obedient") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), returned).await.expect("the function was stopped");
}

#[tokio::test]
async fn an_unknown_function_is_not_found() {
    let host = host(Settings::default());
    assert_eq!(
        host.invoke("other", &json!({})).await.unwrap_err(),
        InvokeError::NotFound("arn:aws:lambda:us-east-1:111122223333:function:other".to_owned())
    );
}
