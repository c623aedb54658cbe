//! Checks that no log line and no answer to a failure holds a secret or a user's address. Canary strings go
//! through every deployed function at the most verbose log level, with its dependencies and without.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::{collections::BTreeMap, net::TcpListener, sync::Arc};

use end_to_end::{Cloud, Function, binary, functions, sample_events};
use local_lambda_host::{FunctionSpec, LambdaHost};
use serde_json::{Value, json};

/// Every text of a client or a user contains one of these.
const CANARIES: [&str; 3] = ["canary", "5550199", "918273"];

#[tokio::test]
async fn with_working_dependencies() {
    let cloud = Cloud::start().await.unwrap();
    let environment = cloud.environment().unwrap();
    let spoke = sing(environment).await;
    cloud.stop().await.unwrap();
    assert!(spoke > 0, "nothing was logged: the test would see no canary");
}

#[tokio::test]
async fn with_dead_dependencies() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", nowhere.as_str()),
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &nowhere),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret-key"),
        ("AWS_ENDPOINT_URL_KMS", &nowhere),
        ("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", &nowhere),
        ("AWS_ENDPOINT_URL_SNS", &nowhere),
        ("AWS_ENDPOINT_URL_SESV2", &nowhere),
        ("AWS_ENDPOINT_URL_LAMBDA", &nowhere),
        ("MFA_TABLE", "mfa"),
        ("MFA_USER_POOL_ID", "us-east-1_ExamplePl"),
        ("MFA_CODE_KEY_ARN", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("MFA_SEED_KEY_ARN", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("MFA_DELIVER_FUNCTION", "deliver"),
        ("MFA_RECOVERY_FUNCTION", "recovery-worker"),
        ("MFA_APP_CLIENTS", "custom=1example23456789exampleab"),
        ("MFA_HASH_KEY", "canary-hash-key-0123456789abcdef0123"),
        ("MFA_CHALLENGE_KEY", "canary-challenge-key-0123456789abcdef0123"),
        ("MFA_RECOVERY_KEY", "canary-recovery-key-0123456789abcdef0123"),
        ("MFA_EMAIL_FROM", "no-reply@example.com"),
    ];
    let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(sing(environment.into()).await > 0, "nothing was logged: the test would see no canary");
}

/// Sends every sample event with canaries in it. Returns the number of logged lines.
async fn sing(mut environment: BTreeMap<String, String>) -> usize {
    environment.insert("LOG_LEVEL".into(), "debug".into());
    let spec = |function: &Function| {
        let mut spec = FunctionSpec::new(function.name, binary(function.name).unwrap());
        spec.environment.clone_from(&environment);
        spec
    };
    let host: Arc<LambdaHost> = LambdaHost::start(functions().iter().map(spec).collect()).unwrap();
    let mut lines = 0;
    for function in functions() {
        for event in sample_events(function).unwrap() {
            let sent = if function.is_trigger {
                vec![trigger(event.payload)]
            } else if function.is_api() {
                requests(&event.payload)
            } else {
                vec![message(event.payload)]
            };
            for sent in sent {
                let invocation = host.invoke(function.name, &sent).await.unwrap();
                match &invocation.result {
                    Err(fault) => {
                        assert_silent(&event.name, &format!("{} {}", fault.error_type, fault.message));
                    }
                    Ok(_) if !function.is_trigger => {
                        assert_silent(&event.name, &invocation.json().unwrap().to_string());
                    }
                    // A trigger returns its event, including all canaries.
                    Ok(_) => {}
                }
            }
        }
        let logged = host.logs(function.name);
        lines += logged.len();
        for line in &logged {
            assert_silent(function.name, line);
        }
    }
    lines
}

fn assert_silent(what: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{what}: {text}");
    }
}

/// Returns a trigger's event in which every value of users and clients is a canary.
fn trigger(mut event: Value) -> Value {
    event["userName"] = json!("canary-name@example.com");
    let request = event["request"].as_object_mut().unwrap();
    let attributes = request.entry("userAttributes").or_insert_with(|| json!({}));
    let sub = attributes.get("sub").cloned();
    for (name, value) in [
        ("email", "canary@example.com"),
        ("phone_number", "+12025550199"),
        ("given_name", "canary"),
        ("custom:secret", "canary 918273"),
    ] {
        attributes[name] = json!(value);
    }
    if let Some(sub) = sub {
        attributes["sub"] = sub;
    }
    for member in ["clientMetadata", "validationData"] {
        request.insert(member.into(), json!({ "code": "918273", "password": "canary-password" }));
    }
    event
}

/// Returns a message in which every value of users and clients is a canary.
fn message(mut event: Value) -> Value {
    for (pointer, value) in [
        ("/name", "canary"),
        ("/nonce", "canary"),
        ("/clientId", "canary"),
        ("/userName", "canary-name@example.com"),
        ("/password", "canary-password"),
        ("/code", "918273"),
        ("/to/userName", "canary-name@example.com"),
        ("/to/email", "canary@example.com"),
        ("/to/phoneNumber", "+12025550199"),
    ] {
        if let Some(member) = event.pointer_mut(pointer) {
            *member = json!(value);
        }
    }
    event
}

/// Returns requests with a canary as token and code, to the routes that take a secret or personal value.
fn requests(event: &Value) -> Vec<Value> {
    [
        ("/mfa/totp/verify", r#"{"code":"918273","friendlyDeviceName":"canary"}"#),
        ("/mfa/authenticators", r#"{"name":"canary"}"#),
        ("/mfa/authenticators/0123456789abcdef0123456789abcdef/verify", r#"{"code":"918273"}"#),
        ("/mfa/trusted-devices", r#"{"name":"canary","publicKey":"canary"}"#),
        ("/recovery", r#"{"username":"canary-name@example.com","password":"canary-password"}"#),
        ("/recovery/password", r#"{"oldPassword":"canary-password","password":"canary-password"}"#),
    ]
    .map(|(path, body)| request(event.clone(), path, body))
    .into()
}

fn request(mut event: Value, path: &str, body: &str) -> Value {
    event["headers"]["authorization"] = json!("Bearer canary-token");
    event["headers"]["cookie"] = json!("session=canary");
    event["headers"]["content-type"] = json!("application/json");
    event["rawPath"] = json!(path);
    let id = path.split('/').find(|part| part.len() == 32);
    let key = format!("POST {}", id.map_or(path.to_owned(), |id| path.replace(id, "{id}")));
    for pointer in ["/routeKey", "/requestContext/routeKey"] {
        *event.pointer_mut(pointer).unwrap() = json!(key);
    }
    event["pathParameters"] = id.map_or(Value::Null, |id| json!({ "id": id }));
    event["rawQueryString"] = json!("code=918273");
    event["requestContext"]["http"]["method"] = json!("POST");
    event["requestContext"]["http"]["path"] = json!(path);
    event["body"] = json!(body);
    if let Some(claims) = event.pointer_mut("/requestContext/authorizer/jwt/claims") {
        claims["username"] = json!("canary@example.com");
        // The sign-in is recent, so that the request gets as far as Cognito.
        claims["auth_time"] = json!(now().to_string());
    }
    event
}

fn now() -> i64 {
    use mfa_core::kernel::{Clock, SystemClock};
    SystemClock.now().as_second()
}
