//! The SMS sender as it is deployed, in processes of its own: one message whatever is delivered how
//! often, and never none, whenever a process dies.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use end_to_end::{Cloud, SealedEvents, binary, functions, roomy_policy};
use futures::future::join_all;
use local_lambda_host::LambdaHost;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

const SENDER: &str = "custom-sms-sender";

/// A cloud whose pool hands its sealed codes to us.
async fn cloud() -> (Cloud, SealedEvents) {
    let sealed = SealedEvents::listen().await.unwrap();
    let flags = ["--sign-in-with", "phone", "--lambda-endpoint", &sealed.endpoint];
    let cloud = Cloud::start_with(&flags).await.unwrap();
    (cloud, sealed)
}

fn host(cloud: &Cloud, policy: &TempDir) -> Arc<LambdaHost> {
    let sender = functions().iter().find(|function| function.name == SENDER).unwrap();
    let mut spec = cloud.function(sender, &binary(SENDER).unwrap()).unwrap();
    spec.environment.insert("MFA_CONFIG_DIR".into(), policy.path().to_str().unwrap().into());
    // As in infra/triggers.yaml.
    spec.timeout = Duration::from_secs(15);
    LambdaHost::start(vec![spec]).unwrap()
}

async fn messages(cloud: &Cloud, event: &Value) -> usize {
    let to = event.pointer("/request/userAttributes/phone_number").and_then(Value::as_str).unwrap();
    cloud.codes(to).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_overlapping_deliveries_in_as_many_processes_are_one_message() {
    let (cloud, mut sealed) = cloud().await;
    let event = sealed.draw(&cloud, 1).await.unwrap().remove(0);
    let policy = roomy_policy().unwrap();
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

/// The delays sweep over everything that a delivery does, from the start of the process to its answer: how long that
/// takes, the first one shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_one_message_or_two_and_never_none() {
    let (cloud, mut sealed) = cloud().await;
    let events = sealed.draw(&cloud, 30).await.unwrap();
    let (undisturbed, others) = events.split_first().unwrap();
    let (policy, mut killed) = (roomy_policy().unwrap(), 0);
    let whole = {
        let (host, started) = (host(&cloud, &policy), Instant::now());
        host.invoke(SENDER, undisturbed).await.unwrap().result.unwrap();
        let whole = started.elapsed();
        host.stop();
        whole
    };
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
    // Lambda's retries, for all of them: whoever was in the middle holds its claim for 6 s.
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
