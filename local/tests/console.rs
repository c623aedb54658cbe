//! What the console page is fed with, from a running cloud.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

struct Cloud {
    _process: Child,
    _home: TempDir,
    endpoints: Value,
}

async fn cloud() -> Cloud {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::write(path("template.yaml"), "Resources: {}\n").unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_local"))
        .current_dir(home.path())
        .args(["--headless", "--memory", "--port", "0", "--template", "template.yaml"])
        .args(["--endpoints-file", "endpoints.json"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().expect("READY");
    let endpoints = serde_json::from_slice(&fs::read(path("endpoints.json")).unwrap()).unwrap();
    Cloud { _process: process, _home: home, endpoints }
}

impl Cloud {
    async fn send(
        &self,
        service: &str,
        request: axum::http::request::Builder,
        body: String,
    ) -> (u16, String) {
        let uri = request.uri_ref().unwrap().to_string();
        let request = request.uri(format!("{}{uri}", self.endpoints[service].as_str().unwrap()));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn sms(&self, text: &str) -> u16 {
        let request = Request::post("/").header("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage");
        let body = json!({ "DestinationPhoneNumber": "+12025550100", "MessageBody": text });
        self.send("sms", request, body.to_string()).await.0
    }
}

#[tokio::test]
async fn a_message_is_told_as_it_arrives() {
    let cloud = cloud().await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let url = format!("{}/api/live", cloud.endpoints["console"].as_str().unwrap());
    // The headers come before any event does, or a page would wait for the first event to be live.
    let stream = client.get(url.parse().unwrap());
    let mut stream = timeout(Duration::from_secs(5), stream).await.expect("no headers").unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(cloud.sms("Your code is 123456.").await, 200);
    let frame = timeout(Duration::from_secs(5), stream.frame()).await.expect("no event");
    let event = String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap();
    assert!(event.starts_with("event: message\n") && event.contains(r#""code":"123456""#), "{event}");
}

#[tokio::test]
async fn a_fault_is_switched_on_and_off() {
    let cloud = cloud().await;
    let set = async |fault: Value| {
        let request = Request::put("/api/faults/sms").header("content-type", "application/json");
        cloud.send("console", request, fault.to_string()).await.0
    };
    assert_eq!(set(json!({ "failure": "fails" })).await, 204);
    assert_eq!(cloud.sms("hi").await, 500);
    assert_eq!(set(json!({})).await, 204);
    assert_eq!(cloud.sms("hi").await, 200);
    let unknown = Request::put("/api/faults/other").header("content-type", "application/json");
    assert_eq!(cloud.send("console", unknown, "{}".to_owned()).await.0, 404);
}

#[tokio::test]
async fn the_trigger_delivery_is_the_pools_switch() {
    let cloud = cloud().await;
    let overview = || async {
        let (_, text) = cloud.send("console", Request::get("/api/overview"), String::new()).await;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let mut switches = overview().await["switches"].clone();
    assert_eq!(switches["triggerDelivery"], "once");
    switches["triggerDelivery"] = json!("duplicate");
    let request = Request::put("/api/switches").header("content-type", "application/json");
    assert_eq!(cloud.send("console", request, switches.to_string()).await.0, 204);
    assert_eq!(overview().await["switches"]["triggerDelivery"], "duplicate");
}

#[tokio::test]
async fn the_page_is_complete_and_may_load_nothing_from_elsewhere() {
    let cloud = cloud().await;
    for (path, part) in [
        ("/", "<script src=\"/console.js\""),
        ("/console.css", ":focus-visible"),
        ("/console.js", "textContent"),
        ("/demo", "<script src=\"/demo/demo.js\""),
        ("/demo/demo.css", "@media"),
    ] {
        let (status, text) = cloud.send("console", Request::get(path), String::new()).await;
        assert!(status == 200 && text.contains(part), "{path}");
        assert!(!text.contains("https://") && !text.contains("innerHTML"), "{path}");
    }
    let (_, overview) = cloud.send("console", Request::get("/api/overview"), String::new()).await;
    let secret = cloud.endpoints["clients"]["server"]["secret"].as_str().unwrap();
    assert!(!overview.contains(secret));
}

/// Without a build step nothing but this finds a module that is imported and not served.
#[tokio::test]
async fn every_module_of_the_demo_app_is_served() {
    let cloud = cloud().await;
    let mut seen = BTreeSet::new();
    let mut left = vec!["/demo/demo.js".to_owned()];
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (status, text) = cloud.send("console", Request::get(&path), String::new()).await;
        assert_eq!(status, 200, "{path}");
        assert!(!text.contains("https://") && !text.contains("innerHTML"), "{path}");
        let imports = text.split(" from \"").skip(1).filter_map(|rest| rest.split('"').next());
        left.extend(imports.map(|import| import.replace("./", "/demo/")));
    }
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/demo")).unwrap();
    let modules =
        folder.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "js"));
    assert_eq!(seen.iter().filter(|path| path.starts_with("/demo/")).count(), modules.count());
}

/// The demo app may call the pool and the API, the console only itself.
#[tokio::test]
async fn each_page_has_a_policy_of_its_own() {
    let cloud = cloud().await;
    let (pool, api) =
        (cloud.endpoints["cognito"].as_str().unwrap(), cloud.endpoints["api"].as_str().unwrap());
    for (path, connect) in [("/", "'self'".to_owned()), ("/demo", format!("'self' {pool} {api}"))] {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let url = format!("{}{path}", cloud.endpoints["console"].as_str().unwrap());
        let page = client.get(url.parse().unwrap()).await.unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains(&format!("connect-src {connect};")), "{path}: {policy}");
        assert!(policy.contains("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    }
}

#[tokio::test]
async fn users_are_listed_with_their_addresses() {
    let cloud = cloud().await;
    let sign_up = json!({
        "ClientId": cloud.endpoints["clients"]["native"]["id"],
        "Username": "ada@example.com",
        "Password": "Correct-h0rse",
        "UserAttributes": [{ "Name": "email", "Value": "ada@example.com" }],
    });
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AWSCognitoIdentityProviderService.SignUp");
    assert_eq!(cloud.send("cognito", request, sign_up.to_string()).await.0, 200);
    let (_, text) = cloud.send("console", Request::get("/api/users"), String::new()).await;
    let users: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(users["users"][0]["attributes"]["email"], "ada@example.com");
    assert_eq!(users["users"][0]["status"], "UNCONFIRMED");
}
