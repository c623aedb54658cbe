//! Every function as a contributor runs it alone: under `cargo lambda watch`, called with `cargo lambda
//! invoke NAME --data-file events/FILE.json`.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::collections::BTreeMap;
use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use end_to_end::{Cloud, functions, sample_events, workspace};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// `cargo lambda watch` builds a function when it is first called.
const WITH_A_BUILD: Duration = Duration::from_mins(5);

#[tokio::test]
async fn every_function_answers_every_sample_event_under_cargo_lambda() {
    let cloud = Cloud::start().await.unwrap();
    let watch = Watch::start(cloud.environment().unwrap()).await;
    for function in functions() {
        let events = sample_events(function).unwrap();
        assert!(!events.is_empty(), "{} has no sample event", function.name);
        for event in events {
            let answer = watch.invoke(function.name, &event.path).await;
            if function.is_trigger {
                assert_eq!(without_response(&answer), without_response(&event.payload), "{}", event.name);
            } else if function.is_api() {
                assert!(answer["statusCode"].is_u64(), "{}: {answer}", event.name);
            } else if function.name == "recovery-worker" {
                assert_eq!(answer["answer"], "refused", "{}: {answer}", event.name);
            } else if function.name == "reconcile-claims" {
                assert_eq!(answer["status"], "off", "{}: {answer}", event.name);
            } else {
                assert_eq!(answer, serde_json::json!({}), "{}", event.name);
            }
            println!("{} ← {}", function.name, event.path);
        }
    }
    watch.stop().await;
    cloud.stop().await.unwrap();
}

struct Watch {
    cargo_lambda: PathBuf,
    process: Child,
    port: u16,
}

impl Watch {
    async fn start(environment: BTreeMap<String, String>) -> Self {
        let cargo_lambda = cargo_lambda();
        let port = free_port().await;
        let mut process = Command::new(&cargo_lambda)
            .args(["lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string()])
            .envs(environment)
            .current_dir(workspace())
            .process_group(0)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            assert!(process.try_wait().unwrap().is_none(), "cargo lambda watch has ended");
            sleep(Duration::from_millis(20)).await;
        }
        Self { cargo_lambda, process, port }
    }

    async fn invoke(&self, function: &str, event: &str) -> Value {
        let invoke = Command::new(&self.cargo_lambda)
            .args(["lambda", "invoke", function, "--data-file", event, "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &self.port.to_string()])
            .current_dir(workspace())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output();
        let output = timeout(WITH_A_BUILD, invoke).await.expect("an answer in time").unwrap();
        assert!(
            output.status.success(),
            "cargo lambda invoke {function} --data-file {event}: {}",
            output.status
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ends the emulator with the functions that it has started.
    async fn stop(mut self) {
        let group = Pid::from_raw(self.process.id().unwrap().try_into().unwrap());
        killpg(group, Signal::SIGTERM).unwrap();
        self.process.wait().await.unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test lambda` says where it has installed the tool"
)]
fn cargo_lambda() -> PathBuf {
    let path = env::var_os("COGNITO_MFA_CARGO_LAMBDA").expect("run `cargo xtask test lambda`");
    assert!(Path::new(&path).is_file());
    path.into()
}

async fn free_port() -> u16 {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    TcpListener::bind(any).await.unwrap().local_addr().unwrap().port()
}

fn without_response(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove("response");
    event
}
