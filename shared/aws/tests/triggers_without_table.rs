//! Checks the answer of each trigger while the table is unreachable, silent or throttling, and its time.
//! Cognito waits for 5 s (cognito.md §1.1). The outcomes are those of docs/security/failure-modes.md.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a failed expectation is a failed test, and what was measured is said"
)]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
    time::Duration,
};

use futures::future::join_all;
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    config::Environment,
    delivery::toll_fraud::GovernorSettings,
    kernel::{Refusal, SystemClock, SystemEntropy},
    sign_in::SignInSettings,
    sign_up::UniqueSettings,
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, Trigger, answer},
};
use mfa_testkit::Deployed;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The longest time. A cold start may take the rest of Cognito's 5 s.
const LONGEST: Duration = Duration::from_secs(4);

const ENFORCED: &str = "[sign_up.unique]\nemail = true\n[sign_in]\nenforce = true\n";

fn unreachable() -> String {
    // The listener is dropped, so the port refuses connections.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Starts a listener that accepts connections and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            kept.push(stream);
        }
    });
    url
}

fn throttling() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;
                // The client sends one request in each connection, with a small body.
                let mut request = [0; 8_192];
                let _read = stream.read(&mut request);
                let _gone = write!(
                    stream,
                    "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    url
}

/// The parts of the triggers, over one endpoint and policy.
struct Stage(Deployed);

impl Stage {
    fn read<T>(&self, read: impl FnOnce(&mut Environment<'_>) -> T) -> T {
        self.0.read(read)
    }

    fn table(&self) -> Arc<Table> {
        Arc::new(Table::new(&Aws::new(self.read(AwsSettings::read)).unwrap()))
    }

    fn pre_sign_up(&self) -> PreSignUp {
        let (policy, unique) =
            self.read(|environment| (environment.policy().sign_up, UniqueSettings::read(environment)));
        let unique = unique.map(|unique| unique.addresses(self.table()));
        PreSignUp::new(policy, None, unique, Arc::new(SystemClock))
    }

    fn pre_authentication(&self) -> PreAuthentication {
        let guard = self.read(SignInSettings::read).guard(self.table());
        PreAuthentication::new(guard, None, Arc::new(SystemClock))
    }

    fn post_confirmation(&self) -> PostConfirmation {
        let table = self.table();
        let governor = self.read(GovernorSettings::read).governor(table.clone());
        let unique = self.read(UniqueSettings::read).map(|unique| unique.addresses(table.clone()));
        PostConfirmation::new(table.clone(), table.clone(), table, governor, unique, Arc::new(SystemClock))
    }

    fn post_authentication(&self) -> PostAuthentication {
        let table = self.table();
        let governor = self.read(GovernorSettings::read).governor(table.clone());
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        PostAuthentication::new(table.clone(), governor, table, None, clock, entropy)
    }
}

fn event(source: &str) -> Value {
    json!({
        "triggerSource": source, "userName": "alex",
        "request": {
            "userAttributes": {
                "sub": "a1b2c3d4-5678-40ab-9cde-f0123456789a", "email": "alex@example.com",
                "email_verified": "true", "phone_number": "+4915123456789", "phone_number_verified": "true",
            },
            "newDeviceUsed": true,
        },
        "response": {},
    })
}

async fn within(limit: Duration, trigger: impl Trigger, source: &str) -> Result<(), Refusal> {
    let started = Instant::now();
    let outcome = answer(&trigger, event(source)).await.map(drop);
    let took = started.elapsed();
    println!("{source}: {outcome:?} after {} ms", took.as_millis());
    assert!(took < limit, "{source} took {took:?}");
    outcome
}

async fn matrix(endpoint: String, policy: &str) -> [Result<(), Refusal>; 6] {
    let stage = Stage(Deployed::at(endpoint, policy));
    // The machine may add this to the limit.
    let margin = Duration::from_millis(900);
    let ms = |milliseconds| Duration::from_millis(milliseconds) + margin;
    let outcomes = futures::join!(
        within(LONGEST, stage.pre_sign_up(), "PreSignUp_SignUp"),
        within(ms(1_500), stage.pre_authentication(), "PreAuthentication_Authentication"),
        within(LONGEST, stage.post_confirmation(), "PostConfirmation_ConfirmSignUp"),
        within(LONGEST, stage.post_confirmation(), "PostConfirmation_ConfirmForgotPassword"),
        within(ms(500), stage.post_authentication(), "PostAuthentication_Authentication"),
        within(LONGEST, stage.pre_sign_up(), "PreSignUp_AdminCreateUser"),
    );
    [outcomes.0, outcomes.1, outcomes.2, outcomes.3, outcomes.4, outcomes.5]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_ends_in_time_with_its_documented_outcome() {
    let closed = Err(Refusal::TemporarilyUnavailable);
    let faults = [unreachable(), silent(), throttling()];
    let with_policy =
        |policy: &'static str| join_all(faults.iter().cloned().map(move |endpoint| matrix(endpoint, policy)));
    let (by_default, enforced) = futures::join!(with_policy(""), with_policy(ENFORCED));
    for outcomes in by_default {
        assert_eq!(outcomes, [Ok(()); 6]);
    }
    for outcomes in enforced {
        assert_eq!(outcomes, [closed, Ok(()), Ok(()), Ok(()), Ok(()), Ok(())]);
    }
}
