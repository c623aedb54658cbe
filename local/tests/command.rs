//! The command as tools and people use it: flags, the endpoints file, exits.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const TEMPLATE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
";

const WITH_FUNCTION: &str = "
Resources:
  Deliver:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: not-built } }
";

/// A folder for template, state and endpoints file.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::write(home.path("template.yaml"), TEMPLATE).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
        command
            .current_dir(self.0.path())
            .args([
                "--template",
                "template.yaml",
                "--state-dir",
                "state",
                "--endpoints-file",
                "endpoints.json",
            ])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts on free ports and waits for READY.
    async fn start(&self, flags: &[&str]) -> Running {
        let mut process = self.command(&["--headless", "--port", "0"]).args(flags).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(Duration::from_secs(20), stdout.next_line()).await.unwrap().unwrap();
        let Some(path) = line.as_deref().and_then(|line| line.strip_prefix("READY ")) else {
            let output = process.wait_with_output().await.unwrap();
            panic!("no READY but {line:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let endpoints = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        Running { process, endpoints }
    }

    /// Starts something that must not come up: its one line on stderr.
    async fn refused(&self, flags: &[&str]) -> String {
        let output = self.command(&["--headless"]).args(flags).output();
        let output = timeout(Duration::from_secs(20), output).await.expect("it came up").unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr
    }
}

struct Running {
    process: Child,
    endpoints: Value,
}

impl Running {
    fn url(&self, name: &str) -> &str {
        self.endpoints[name].as_str().unwrap()
    }

    async fn stop(mut self, signal: Signal) -> Option<i32> {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
        timeout(Duration::from_secs(10), self.process.wait()).await.expect("it runs on").unwrap().code()
    }

    async fn cognito(&self, operation: &str, input: Value) -> Value {
        let request = Request::post(self.url("cognito"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(input.to_string()))
            .unwrap();
        let (status, body) = send(request).await;
        assert_eq!(status, 200, "{operation}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn last_code(&self) -> Value {
        let (_, body) = send(Request::get(self.url("outbox")).body(Body::empty()).unwrap()).await;
        let messages: Vec<Value> = serde_json::from_str(&body).unwrap();
        messages.last().expect("a message")["code"].clone()
    }

    async fn users(&self) -> usize {
        let listed = self.cognito("ListUsers", json!({ "UserPoolId": self.url("userPoolId") })).await;
        listed["Users"].as_array().unwrap().len()
    }
}

async fn send(request: Request<Body>) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_endpoints_file_has_its_keys_and_everything_in_it_answers() {
    let cloud = Home::new().start(&["--memory"]).await;
    let keys: Vec<_> = cloud.endpoints.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "cognito",
            "api",
            "lambda",
            "dynamodb",
            "kms",
            "sns",
            "sms",
            "ses",
            "outbox",
            "console",
            "region",
            "userPoolId",
            "clients"
        ]
    );
    let clients = &cloud.endpoints["clients"];
    assert!(clients["native"].get("secret").is_none() && clients["custom"].get("secret").is_none());
    assert!(clients["server"]["secret"].is_string());
    for (path, status) in [
        (format!("{}/{}/.well-known/jwks.json", cloud.url("cognito"), cloud.url("userPoolId")), 200),
        (cloud.url("outbox").to_owned(), 200),
        (cloud.url("console").to_owned(), 200),
        (cloud.url("dynamodb").to_owned(), 200),
        (format!("{}/nothing", cloud.url("api")), 404),
    ] {
        let (answered, body) = send(Request::get(&path).body(Body::empty()).unwrap()).await;
        assert_eq!(answered, status, "{path}: {body}");
    }
}

#[tokio::test]
async fn each_client_has_one_way_in() {
    let cloud = Home::new().start(&["--memory"]).await;
    for (client, flows) in [
        ("native", &["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"][..]),
        ("custom", &["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]),
        (
            "server",
            &[
                "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH",
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
            ],
        ),
    ] {
        let id = &cloud.endpoints["clients"][client]["id"];
        let input = json!({ "UserPoolId": cloud.url("userPoolId"), "ClientId": id });
        let described = cloud.cognito("DescribeUserPoolClient", input).await;
        let described = &described["UserPoolClient"];
        let mut found: Vec<_> = described["ExplicitAuthFlows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flow| flow.as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, flows, "{client}");
        assert_eq!(described["PreventUserExistenceErrors"], "ENABLED");
    }
}

#[rstest]
#[case("email", "email", "ada@example.com", "MFA_SETUP")]
#[case("phone", "phone_number", "+12025550100", "SMS_MFA")]
#[case("username", "email", "ada@example.com", "MFA_SETUP")]
#[tokio::test]
async fn with_mfa_on_a_new_user_can_go_on_to_a_second_factor(
    #[case] sign_in_with: &str,
    #[case] attribute: &str,
    #[case] address: &str,
    #[case] challenge: &str,
) {
    let cloud = Home::new().start(&["--memory", "--mfa", "on", "--sign-in-with", sign_in_with]).await;
    let client = &cloud.endpoints["clients"]["native"]["id"];
    let name = if sign_in_with == "username" { "ada" } else { address };
    let sign_up = json!({
        "ClientId": client,
        "Username": name,
        "Password": "Correct-h0rse",
        "UserAttributes": [{ "Name": attribute, "Value": address }],
    });
    cloud.cognito("SignUp", sign_up).await;
    let code = cloud.last_code().await;
    let confirm = json!({ "ClientId": client, "Username": name, "ConfirmationCode": code });
    cloud.cognito("ConfirmSignUp", confirm).await;
    let sign_in = json!({
        "ClientId": client,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": name, "PASSWORD": "Correct-h0rse" },
    });
    let answer = cloud.cognito("InitiateAuth", sign_in).await;
    assert_eq!(answer["ChallengeName"], challenge);
}

#[rstest]
#[case("cognito")]
#[case("api")]
#[case("lambda")]
#[case("dynamodb")]
#[case("kms")]
#[case("sns")]
#[case("sms")]
#[case("ses")]
#[case("console")]
#[case("outbox")]
#[tokio::test]
async fn foreign_hosts_and_origins_are_refused(#[case] service: &str) {
    let cloud = Home::new().start(&["--memory"]).await;
    for (name, value) in
        [("host", "attacker.example"), ("origin", "https://attacker.example"), ("origin", "null")]
    {
        let request = Request::post(cloud.url(service)).header(name, value).body(Body::from("{}")).unwrap();
        assert_eq!(send(request).await.0, 403, "{name}: {value}");
    }
    let own = Request::post(cloud.url(service)).header("origin", "http://localhost:5173");
    assert_ne!(send(own.body(Body::from("{}")).unwrap()).await.0, 403);
}

#[rstest]
#[case(Signal::SIGINT)]
#[case(Signal::SIGTERM)]
#[tokio::test]
async fn a_signal_stops_it_cleanly(#[case] signal: Signal) {
    let cloud = Home::new().start(&["--memory"]).await;
    let address = cloud.url("cognito").trim_start_matches("http://").to_owned();
    assert_eq!(cloud.stop(signal).await, Some(0));
    TcpListener::bind(address).await.expect("the port is still taken");
}

#[tokio::test]
async fn people_get_the_addresses_and_a_first_step() {
    let home = Home::new();
    let mut process = home.command(&["--memory", "--port", "0"]).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut text = String::new();
    while !text.contains("Ctrl-C stops everything.") {
        let line = timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap();
        text.push_str(&line.expect("more of the greeting"));
        text.push('\n');
    }
    let endpoints: Value = serde_json::from_slice(&fs::read(home.path("endpoints.json")).unwrap()).unwrap();
    for name in ["console", "cognito", "api", "userPoolId"] {
        assert!(text.contains(endpoints[name].as_str().unwrap()), "{name}: {text}");
    }
    let demo = format!("{}/demo", endpoints["console"].as_str().unwrap());
    assert_eq!(text.find("http://"), text.find(&demo), "the demo app comes first: {text}");
    assert!(
        text.contains("curl ") && !text.contains(endpoints["clients"]["server"]["secret"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_second_start_keeps_the_pool_and_its_users_and_takes_a_new_mfa() {
    let home = Home::new();
    let first = home.start(&["--mfa", "optional"]).await;
    let sign_up = json!({
        "ClientId": first.endpoints["clients"]["native"]["id"],
        "Username": "ada@example.com",
        "Password": "Correct-h0rse",
        "UserAttributes": [{ "Name": "email", "Value": "ada@example.com" }],
    });
    first.cognito("SignUp", sign_up).await;
    let (pool, clients) = (first.url("userPoolId").to_owned(), first.endpoints["clients"].clone());
    first.stop(Signal::SIGTERM).await;

    let second = home.start(&["--mfa", "on"]).await;
    assert_eq!((second.url("userPoolId"), &second.endpoints["clients"]), (pool.as_str(), &clients));
    assert_eq!(second.users().await, 1);
    let mfa = second.cognito("GetUserPoolMfaConfig", json!({ "UserPoolId": pool })).await;
    assert_eq!(mfa["MfaConfiguration"], "ON");
    second.stop(Signal::SIGTERM).await;

    let refused = home.refused(&["--port", "0", "--sign-in-with", "phone"]).await;
    assert!(refused.contains("--fresh"), "{refused}");
    let fresh = home.start(&["--fresh", "--sign-in-with", "phone", "--mfa", "off"]).await;
    assert_eq!(fresh.users().await, 0);
}

#[tokio::test]
async fn after_a_kill_what_was_acknowledged_is_there() {
    let home = Home::new();
    let first = home.start(&[]).await;
    for number in 0..5 {
        let address = format!("user{number}@example.com");
        let sign_up = json!({
            "ClientId": first.endpoints["clients"]["native"]["id"],
            "Username": address,
            "Password": "Correct-h0rse",
            "UserAttributes": [{ "Name": "email", "Value": address }],
        });
        first.cognito("SignUp", sign_up).await;
    }
    first.stop(Signal::SIGKILL).await;
    assert_eq!(home.start(&[]).await.users().await, 5);
}

#[rstest]
#[case("local.json")]
#[case("kms.json")]
#[case("user-pool.sqlite")]
#[case("dynamodb.sqlite")]
#[tokio::test]
async fn a_broken_state_file_is_one_line_and_fresh_gets_over_it(#[case] file: &str) {
    let home = Home::new();
    home.start(&[]).await.stop(Signal::SIGTERM).await;
    fs::write(home.path("state").join(file), "neither JSON nor a database").unwrap();
    let refused = home.refused(&["--port", "0"]).await;
    assert!(refused.contains(file) && refused.contains("--fresh"), "{refused}");
    home.start(&["--fresh"]).await;
}

#[tokio::test]
async fn a_state_without_its_pool_is_one_line() {
    let home = Home::new();
    home.start(&[]).await.stop(Signal::SIGTERM).await;
    for name in ["user-pool.sqlite", "user-pool.sqlite-wal", "user-pool.sqlite-shm"] {
        let _absent = fs::remove_file(home.path("state").join(name));
    }
    let refused = home.refused(&["--port", "0"]).await;
    assert!(refused.contains("--fresh"), "{refused}");
}

#[tokio::test]
async fn what_is_missing_or_taken_is_one_line() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = home.refused(&["--memory", "--port", &port]).await;
    assert!(refused.contains(&port) && refused.contains("in use"), "{refused}");

    let refused = home.refused(&["--memory", "--port", "65530"]).await;
    assert!(refused.contains("65530"), "{refused}");

    let other = home.start(&[]).await;
    let refused = home.refused(&["--port", "0"]).await;
    assert!(refused.contains("--state-dir"), "{refused}");
    let endpoints = fs::read(home.path("endpoints.json")).unwrap();
    let refused = home.refused(&["--memory", "--port", "0"]).await;
    assert!(refused.contains("--endpoints-file"), "{refused}");
    assert_eq!(fs::read(home.path("endpoints.json")).unwrap(), endpoints, "those of the first");
    drop(other);

    fs::write(home.path("template.yaml"), WITH_FUNCTION).unwrap();
    let refused = home.refused(&["--memory", "--port", "0"]).await;
    assert!(refused.contains("not-built"), "{refused}");

    fs::remove_file(home.path("template.yaml")).unwrap();
    let refused = home.refused(&["--memory", "--port", "0"]).await;
    assert!(refused.contains("template.yaml"), "{refused}");
}

#[tokio::test]
async fn functions_of_a_running_cargo_lambda_need_no_binary_here() {
    let home = Home::new();
    fs::write(home.path("template.yaml"), WITH_FUNCTION).unwrap();
    let cloud = home.start(&["--memory", "--lambda-endpoint", "http://127.0.0.1:9"]).await;
    let invoke = |function: &str| {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", cloud.url("lambda"));
        send(Request::post(url).body(Body::from("{}")).unwrap())
    };
    assert_eq!(invoke("not-built").await.0, 500, "nobody listens there");
    assert_eq!(invoke("other").await.0, 404);
}

#[test]
fn the_state_folder_is_not_in_version_control() {
    let ignored = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/target/"));
}
