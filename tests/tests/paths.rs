//! Sends paths whose variables contain path syntax through the local gateway, over every route of the API.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::time::Duration;

use end_to_end::{Cloud, stacks};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::{Value as Json, json};
use serde_norway::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const USER: &str = "alex@example.com";
/// The form of an id, but of no existing item.
const NONE: &str = "0123456789abcdef0123456789abcdef";
/// Values of a variable; `$` is [`NONE`].
const PARTS: [&str; 20] = [
    "$%2Fverify",
    "$%2F..%2F$",
    "$%252Fverify",
    "$%25252Fverify",
    "$%3Fx",
    "$%253Fx",
    "$%23x",
    "$%2523x",
    "$%25",
    "$%2525",
    "$%5C..%5Cx",
    "..",
    ".",
    "%2E%2E",
    "%252E%252E",
    "..%2F..%2Frecovery-codes",
    "..%252Frecovery-codes",
    "..%2Frecovery-codes%3F",
    "..%5Crecovery-codes",
    "%20",
];

/// Returns method and path of every route.
fn routes() -> Vec<(String, String)> {
    let stacks = stacks().unwrap();
    let functions = stacks.iter().flat_map(|stack| stack.resources("AWS::Serverless::Function"));
    let events = functions.filter_map(|(_, function)| {
        let events = function.get("Properties")?.get("Events")?.as_mapping()?.clone();
        Some(events.into_iter().map(|(_, event)| event).collect::<Vec<_>>())
    });
    let is_route = |event: &Value| event.get("Type").and_then(Value::as_str) == Some("HttpApi");
    let text = |event: &Value, name| event.get("Properties")?.get(name)?.as_str().map(str::to_owned);
    events
        .flatten()
        .filter(is_route)
        .map(|event| (text(&event, "Method").unwrap(), text(&event, "Path").unwrap()))
        .collect()
}

/// Returns a path with `part` in place of one variable, and an id in place of the others.
fn with(path: &str, variable: &str, part: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        _ if segment == variable => part,
        _ if segment.starts_with('{') => NONE,
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Sends a path unchanged, because HTTP clients remove dots and backslashes. Returns the status.
async fn send(cloud: &Cloud, method: &str, path: &str, token: &str) -> u16 {
    let address = cloud.endpoint("api").unwrap().trim_start_matches("http://").to_owned();
    let body = json!({ "code": "123456", "name": "x", "remembered": true }).to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = timeout(Duration::from_secs(20), exchange).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Returns all data of a user, as the API shows it.
async fn everything(cloud: &Cloud, token: &str) -> Vec<Json> {
    let mut all = Vec::new();
    let paths =
        ["/mfa", "/mfa/authenticators", "/mfa/recovery-codes", "/mfa/trusted-devices", "/mfa/activity"];
    for path in paths {
        let (status, answer) = cloud.api("GET", path, Some(token), &Json::Null).await.unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        all.push(answer);
    }
    all
}

/// No variable of a path directs a request to another route: every request is refused, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn no_variable_steers_a_request() {
    let cloud = Cloud::start().await.unwrap();
    let token = cloud.add_user(USER).await.unwrap();
    let now = SystemClock.now().as_second().try_into().unwrap();
    let (token, _) = cloud.protect(USER, &token, now).await.unwrap();
    cloud.recovery_codes(&token).await.unwrap();
    cloud.api("POST", "/mfa/authenticators", Some(&token), &json!({ "name": "Phone" })).await.unwrap();
    let before = everything(&cloud, &token).await;

    let mut sent = 0;
    for (method, path) in routes().iter().filter(|(_, path)| path.contains('{')) {
        let method = if method == "ANY" { "POST" } else { method };
        for variable in path.split('/').filter(|segment| segment.starts_with('{')) {
            for part in PARTS {
                let path = with(path, variable, &part.replace('$', NONE));
                let status = send(&cloud, method, &path, &token).await;
                // The page of a stop link looks the same for every case, and changes nothing.
                let is_stop_page = method == "GET" && path.starts_with("/recovery/stop/");
                let is_refused = (400..500).contains(&status) || (is_stop_page && status == 200);
                assert!(is_refused, "{method} {path}: {status}");
                sent += 1;
            }
        }
    }
    println!("paths: {sent} requests, none led elsewhere");
    assert!(sent >= 11 * PARTS.len(), "{sent}");
    assert_eq!(everything(&cloud, &token).await, before);
    cloud.stop().await.unwrap();
}

/// No route of the API has a user's name in its path.
#[test]
fn a_path_has_ids_only() {
    let named: Vec<_> =
        routes().into_iter().filter(|(_, path)| path.starts_with("/admin") && path.contains('{')).collect();
    assert_eq!(named, []);
    let variables = ["{id}", "{case}", "{stopToken}", "{proxy+}"];
    for (method, path) in routes() {
        let other = path.split('/').find(|part| part.starts_with('{') && !variables.contains(part));
        assert_eq!(other, None, "{method} {path}");
    }
}
