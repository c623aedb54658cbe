//! The deployed SMS sender in its own processes. Repeated deliveries of an event send one message. A process
//! that dies at any time never leaves zero messages.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::{fs, sync::Arc, time::Duration};

use end_to_end::{Cloud, SealedEvents, binary, functions, roomy_policy};
use futures::future::join_all;
use local_lambda_host::LambdaHost;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpListener,
    time::{Instant, sleep},
};

const SENDER: &str = "custom-sms-sender";

/// Returns a cloud whose pool passes its sealed codes to the test.
async fn cloud() -> (Cloud, SealedEvents) {
    let sealed = SealedEvents::listen().await.unwrap();
    let flags = ["--sign-in-with", "phone", "--lambda-endpoint", &sealed.endpoint];
    let cloud = Cloud::start_with(&flags).await.unwrap();
    (cloud, sealed)
}

/// Returns a policy with room for every message, whose governor decides.
fn policy() -> TempDir {
    let folder = roomy_policy().unwrap();
    let file = folder.path().join("policy.toml");
    let text = fs::read_to_string(&file).unwrap();
    let strict = text.replace("dry_run = true", "dry_run = false");
    assert_ne!(strict, text, "the governor would let everything pass");
    fs::write(file, strict).unwrap();
    folder
}

fn host(cloud: &Cloud, policy: &TempDir) -> Arc<LambdaHost> {
    host_with(cloud, policy, &[])
}

fn host_with(cloud: &Cloud, policy: &TempDir, environment: &[(&str, &str)]) -> Arc<LambdaHost> {
    host_named(SENDER, cloud, policy, environment)
}

/// Starts the sender under another name: under its usual name its role reaches only its own table.
fn host_named(name: &str, cloud: &Cloud, policy: &TempDir, environment: &[(&str, &str)]) -> Arc<LambdaHost> {
    let sender = functions().iter().find(|function| function.name == SENDER).unwrap();
    let mut spec = cloud.function(sender, &binary(SENDER).unwrap()).unwrap();
    name.clone_into(&mut spec.name);
    spec.environment.insert("MFA_CONFIG_DIR".into(), policy.path().to_str().unwrap().into());
    spec.environment.extend(environment.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    // The same as in infra/triggers.yaml.
    spec.timeout = Duration::from_secs(15);
    LambdaHost::start(vec![spec]).unwrap()
}

fn number(event: &Value) -> &str {
    event.pointer("/request/userAttributes/phone_number").and_then(Value::as_str).unwrap()
}

async fn messages(cloud: &Cloud, event: &Value) -> usize {
    cloud.codes(number(event)).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_deliveries_send_one_message() {
    let (cloud, mut sealed) = cloud().await;
    let event = sealed.draw(&cloud, 1).await.unwrap().remove(0);
    let policy = policy();
    let host = host(&cloud, &policy);
    let deliveries = join_all((0..50).map(|_| host.invoke(SENDER, &event))).await;
    for delivery in deliveries {
        delivery.unwrap().result.unwrap();
    }
    assert!(host.idle_environments(SENDER) >= 6, "they did not overlap");
    assert_eq!(messages(&cloud, &event).await, 1);
    host.stop();
    cloud.stop().await.unwrap();
}

/// Codes of one user race. Each reads the same history, one changes it, and the others read it again. So exactly
/// three are sent, as if they came one after another, and the rest waits.
#[tokio::test(flavor = "multi_thread")]
async fn of_codes_that_race_three_are_sent_and_the_others_wait() {
    let (cloud, mut sealed) = cloud().await;
    let policy = policy();
    let host = host_with(&cloud, &policy, &[("LOG_LEVEL", "debug")]);
    for event in sealed.draw(&cloud, 4).await.unwrap() {
        let mut events = Vec::new();
        for _ in 0..8 {
            events.push(sealed.resend(&cloud, &event).await.unwrap());
        }
        for delivery in join_all(events.iter().map(|event| host.invoke(SENDER, event))).await {
            delivery.unwrap().result.unwrap();
        }
        assert_eq!(messages(&cloud, &event).await, 3);
    }
    let reasons: Vec<_> = host
        .logs(SENDER)
        .into_iter()
        .filter(|line| line.contains(r#""message":"message not sent""#))
        .collect();
    assert_eq!(reasons.len(), 4 * 5);
    assert!(reasons.iter().all(|line| line.contains(r#""reason":"cool-down""#)), "{reasons:?}");
    host.stop();
    // Also checks the calls, because one sender alone never makes these.
    cloud.stop().await.unwrap();
}

/// The delays cover all steps of a delivery, from the start of the process to its answer. Two undisturbed
/// deliveries show how long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_one_message_or_two_never_zero() {
    let (cloud, mut sealed) = cloud().await;
    let events = sealed.draw(&cloud, 31).await.unwrap();
    let (undisturbed, others) = events.split_at(2);
    let (policy, mut killed) = (policy(), 0);
    let mut whole = Duration::MAX;
    // Twice, because the first start reads the binary.
    for event in undisturbed {
        let (host, started) = (host(&cloud, &policy), Instant::now());
        host.invoke(SENDER, event).await.unwrap().result.unwrap();
        whole = whole.min(started.elapsed());
        host.stop();
    }
    for (event, step) in others.iter().zip(0_u32..) {
        let host = host(&cloud, &policy);
        let running = tokio::spawn({
            let (host, event) = (Arc::clone(&host), event.clone());
            async move { host.invoke(SENDER, &event).await }
        });
        sleep(whole * step / 28).await;
        // Ends the process with SIGKILL.
        host.stop();
        let answered = running.await.unwrap().is_ok_and(|invocation| invocation.result.is_ok());
        killed += usize::from(!answered);
    }
    assert!(killed >= 5, "only {killed} of {} deliveries were interrupted in {whole:?}", others.len());
    // Lambda's retries, for all of them: a killed process holds its send lease for 6 s.
    let host = host(&cloud, &policy);
    for retry in join_all(events.iter().map(|event| host.invoke(SENDER, event))).await {
        retry.unwrap().result.unwrap();
    }
    for event in &events {
        let arrived = messages(&cloud, event).await;
        assert!((1..=2).contains(&arrived), "{arrived} messages");
    }
    host.stop();
    cloud.stop().await.unwrap();
}

/// Starts a provider that answers a byte at a time and never completes.
async fn trickling() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'y'));
                while let Some(byte) = head.next()
                    && stream.write_all(&[*byte]).await.is_ok()
                {
                    sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    endpoint
}

/// Checks that no log line and no metric contains the message or its address.
fn assert_silent(host: &LambdaHost, event: &Value, codes: &[String]) {
    let sealed = event.pointer("/request/code").and_then(Value::as_str).unwrap();
    let lines = host.logs(SENDER);
    assert!(!lines.is_empty(), "nothing was logged: nothing could be told");
    for line in lines {
        let mut words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
        assert!(!words.any(|word| codes.iter().any(|code| code == word)), "{line}");
        // In any truncated form, with or without its plus.
        assert!(!line.contains(sealed.get(..24).unwrap()), "{line}");
        assert!(!line.contains(number(event).trim_start_matches('+')), "{line}");
    }
}

async fn set_fault(cloud: &Cloud, service: &str, fault: &Value) {
    cloud.request("console", "PUT", &format!("/api/faults/{service}"), fault.to_string()).await.unwrap();
}

/// The second provider sends if the first one fails, and each delivery ends in time even if both fail.
#[tokio::test(flavor = "multi_thread")]
async fn any_provider_fault_ends_within_five_seconds() {
    const HANGS: u64 = 60_000;
    const OTHER_TABLE: &str = "elsewhere";
    const ELSEWHERE: &str = "sender-elsewhere";
    let (cloud, mut sealed) = cloud().await;
    let trickling = trickling().await;
    let trickles = [("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", trickling.as_str())];
    let (well, hangs) = (json!({}), json!({ "delayMs": HANGS }));
    let (fails, throttles) = (json!({ "failure": "fails" }), json!({ "failure": "throttles" }));
    let cases: [(&str, &[_], &Value, &Value, Option<&str>); 9] = [
        ("all is well", &[], &well, &well, Some("end-user-messaging")),
        ("the first hangs", &[], &hangs, &well, Some("sns")),
        ("the first trickles", &trickles, &well, &well, Some("sns")),
        ("the first fails", &[], &fails, &well, Some("sns")),
        ("the first throttles", &[], &throttles, &well, Some("sns")),
        ("the first trickles, the second hangs", &trickles, &well, &hangs, None),
        ("both hang", &[], &hangs, &hangs, None),
        ("both fail", &[], &fails, &fails, None),
        ("both throttle", &[], &throttles, &throttles, None),
    ];
    let policy = policy();
    cloud.add_table(OTHER_TABLE).await.unwrap();
    for (name, environment, first, second, sent_by) in cases {
        let event = sealed.draw(&cloud, 1).await.unwrap().remove(0);
        // A delivery outside this test's table shows the secrets that no line may contain.
        let elsewhere = host_named(ELSEWHERE, &cloud, &policy, &[("MFA_TABLE", OTHER_TABLE)]);
        elsewhere.invoke(ELSEWHERE, &event).await.unwrap().result.unwrap();
        elsewhere.stop();
        let codes = cloud.codes(number(&event)).await.unwrap();
        assert_eq!(codes.len(), 1, "{name}");
        for (service, fault) in [("sms", first), ("sns", second)] {
            set_fault(&cloud, service, fault).await;
        }
        let talkative = [("LOG_LEVEL", "debug")];
        let host = host_with(&cloud, &policy, &[environment, &talkative].concat());
        let started = Instant::now();
        host.invoke(SENDER, &event).await.unwrap().result.unwrap();
        let took = started.elapsed();
        println!("{name}: {took:?}");
        assert!(took <= Duration::from_secs(5), "{name}: {took:?}");
        assert_eq!(messages(&cloud, &event).await, 1 + usize::from(sent_by.is_some()), "{name}");
        let told = match sent_by {
            Some(provider) => format!(r#""message":"message sent","channel":"sms","provider":"{provider}""#),
            None => r#""message":"message not sent","channel":"sms","reason":"no-provider""#.to_owned(),
        };
        assert!(host.logs(SENDER).iter().any(|line| line.contains(&told)), "{name}: {told}");
        assert_silent(&host, &event, &codes);
        host.stop();
        for service in ["sms", "sns"] {
            set_fault(&cloud, service, &well).await;
        }
    }
    cloud.stop().await.unwrap();
}
