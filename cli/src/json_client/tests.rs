use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use super::*;

/// Answers requests with a script. After its last answer, it repeats that answer.
#[derive(Debug, Clone)]
struct Script {
    answers: Arc<Vec<(Duration, u16, String)>>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Script {
    fn new(answers: &[(Duration, u16, &str)]) -> Self {
        let answers = answers.iter().map(|(pause, status, body)| (*pause, *status, (*body).to_owned()));
        Self { answers: Arc::new(answers.collect()), requests: Arc::default() }
    }

    fn requests(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut requests = self.requests.lock().unwrap();
        let (pause, status, body) = self.answers[requests.len().min(self.answers.len() - 1)].clone();
        requests.push(request);
        HttpConnectorFuture::new(async move {
            sleep(pause).await;
            Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body)))
        })
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

const RETRIES: RetryPolicy = RetryPolicy {
    tries: 3,
    back_off: Duration::from_millis(1),
    one_try: Duration::from_millis(300),
    all_tries: Duration::from_millis(800),
};

fn credentials() -> Credentials {
    Credentials::new("local", "local", Some("session".to_owned()), None, "test")
}

fn client(script: &Script) -> JsonClient {
    JsonClient {
        connector: SharedHttpConnector::new(script.clone()),
        credentials: SharedCredentialsProvider::new(credentials()),
        region: "eu-central-1".to_owned(),
        protocol: Protocol {
            signing_name: "cognito-idp",
            target: "AWSCognitoIdentityProviderService",
            version: "1.1",
        },
        endpoint: "https://cognito-idp.eu-central-1.amazonaws.com".to_owned(),
        retry_policy: RETRIES,
    }
}

/// Returns the number of requests for these answers, and whether the call succeeds.
async fn called(answers: &[(Duration, u16, &str)]) -> (usize, bool) {
    let script = Script::new(answers);
    let is_answered = client(&script).call("DescribeUserPool", &json!({})).await.is_ok();
    (script.requests().len(), is_answered)
}

#[tokio::test]
async fn a_request_is_the_one_that_the_sdk_sends() {
    let (ours, theirs) =
        (Script::new(&[(Duration::ZERO, 200, "{}")]), Script::new(&[(Duration::ZERO, 200, "{}")]));
    let input = json!({ "UserPoolId": "eu-central-1_Example", "Limit": 7, "Filter": "name = \"Größe\"" });
    client(&ours).call("ListUsers", &input).await.unwrap();
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials())
        .http_client(theirs.clone())
        .build();
    aws_sdk_cognitoidentityprovider::Client::from_conf(config)
        .list_users()
        .user_pool_id("eu-central-1_Example")
        .limit(7)
        .filter("name = \"Größe\"")
        .send()
        .await
        .unwrap();
    let [ours] = <[HttpRequest; 1]>::try_from(ours.requests()).unwrap();
    let [theirs] = <[HttpRequest; 1]>::try_from(theirs.requests()).unwrap();
    assert_eq!((ours.method(), ours.uri()), (theirs.method(), theirs.uri()));
    for name in ["x-amz-target", "content-type", "x-amz-security-token"] {
        assert_eq!(ours.headers().get(name).unwrap(), theirs.headers().get(name).unwrap(), "{name}");
    }
    let body =
        |request: &HttpRequest| -> Value { serde_json::from_slice(request.body().bytes().unwrap()).unwrap() };
    assert_eq!(body(&ours), body(&theirs));
    // The scope holds day, Region and service, in front of the signed headers.
    let scope = |request: &HttpRequest| {
        let signature = request.headers().get("authorization").unwrap().to_owned();
        signature.split(',').next().unwrap().to_owned()
    };
    assert_eq!(scope(&ours), scope(&theirs));
    let signature = ours.headers().get("authorization").unwrap();
    for name in ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
        assert!(signature.contains(name), "{name} is unsigned");
    }
}

#[tokio::test]
async fn only_transient_errors_are_retried() {
    let ok = (Duration::ZERO, 200, "{}");
    for (status, code) in [
        (500, "InternalErrorException"),
        (503, ""),
        (400, "ThrottlingException"),
        (400, "TooManyRequestsException"),
    ] {
        let body = json!({ "__type": format!("com.amazonaws#{code}") }).to_string();
        let refused = (Duration::ZERO, status, body.as_str());
        assert_eq!(called(&[refused, ok]).await, (2, true), "{status} {code}");
        assert_eq!(called(&[refused]).await, (3, false), "{status} {code}");
    }
    for code in ["ResourceNotFoundException", "InvalidParameterException", "AccessDeniedException", ""] {
        let body = json!({ "__type": code }).to_string();
        assert_eq!(called(&[(Duration::ZERO, 400, &body), ok]).await, (1, false), "{code}");
    }
    assert_eq!(called(&[(Duration::ZERO, 200, "unreadable"), ok]).await, (1, false));
}

#[tokio::test]
async fn a_try_and_a_call_have_time_limits() {
    let late = (Duration::from_secs(5), 200, "{}");
    assert_eq!(called(&[late, (Duration::ZERO, 200, "{}")]).await, (2, true));
    let begun = Instant::now();
    assert!(!called(&[late]).await.1);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
