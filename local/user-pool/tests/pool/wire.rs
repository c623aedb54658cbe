//! AWS JSON 1.1 as it goes over the wire, and what survives a restart.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use local_user_pool::{Config, ErrorCode, StoreLocation, Switches, UserPools};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::bench::{FakeDataKeys, FakeFunctions, FakeOutbox};
use crate::support::{Bench, PASSWORD, USERNAME};

async fn send(bench: &Bench, request: Request<Body>) -> Response<Body> {
    bench.pools.router().oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn call(operation: &str, input: &str) -> Request<Body> {
    Request::post("/")
        .header("host", "127.0.0.1:9000")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(input.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn an_error_is_named_in_the_body_and_in_the_header() {
    let bench = Bench::new().await;
    let input = json!({"ClientId": bench.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "x", "PASSWORD": "y"}});
    let response = send(&bench, call("InitiateAuth", &input.to_string())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()["x-amzn-errortype"], "NotAuthorizedException:");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(
        body(response).await,
        json!({"__type": "NotAuthorizedException", "message": "Incorrect username or password."})
    );
}

#[rstest]
#[case("NoSuchThing", "{}", "UnknownOperationException")]
#[case("CreateIdentityProvider", "{}", "UnsupportedOperationException")]
#[case("SignUp", "{", "SerializationException")]
#[case("SignUp", "[]", "SerializationException")]
#[case("SignUp", r#"{"ClientId": 7}"#, "SerializationException")]
#[case("SignUp", "{}", "InvalidParameterException")]
#[tokio::test]
async fn bad_requests_have_their_exceptions(
    #[case] operation: &str,
    #[case] input: &str,
    #[case] exception: &str,
) {
    let bench = Bench::new().await;
    let response = send(&bench, call(operation, input)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(body(response).await["__type"], exception);
}

#[tokio::test]
async fn validation_lists_what_is_wrong_without_the_values() {
    let bench = Bench::new().await;
    let input =
        json!({"ClientId": "not a client!", "Password": "has blank s", "UserAttributes": [{"Value": "x"}]});
    let (code, message) = bench.refused("SignUp", input).await;
    assert_eq!(code, ErrorCode::InvalidParameter);
    assert!(message.starts_with("4 validation errors detected: "), "{message}");
    for part in [
        "Value at 'username' failed to satisfy constraint: Member must not be null",
        r"Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+]+",
        r"Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\S]+",
        "Value at 'userAttributes.1.member.name' failed to satisfy constraint: Member must not be null",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert!(!message.contains("blank"));
}

#[rstest]
#[case("host", "", false)]
#[case("host", "pool.localhost", false)]
#[case("host", "attacker.example", false)]
#[case("host", "127.0.0.1.attacker.example", false)]
#[case("host", "localhost:9000", true)]
#[case("host", "[::1]:9000", true)]
#[case("origin", "https://attacker.example", false)]
#[case("origin", "null", false)]
#[case("origin", "http://localhost:5173", true)]
#[tokio::test]
async fn only_this_machine_is_served(#[case] header: &str, #[case] value: &str, #[case] served: bool) {
    let bench = Bench::new().await;
    let mut request = call("ListUserPools", r#"{"MaxResults": 1}"#);
    request.headers_mut().insert(header.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
    let response = send(&bench, request).await;
    assert_eq!(response.status() == StatusCode::OK, served, "{header}: {value}");
    assert_eq!(response.status() == StatusCode::FORBIDDEN, !served, "{header}: {value}");
}

#[tokio::test]
async fn a_browser_may_ask_first_and_read_the_answer() {
    let bench = Bench::new().await;
    let preflight = Request::options("/")
        .header("host", "127.0.0.1:9000")
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-amz-target,x-amz-user-agent,content-type")
        .body(Body::empty())
        .unwrap();
    let response = send(&bench, preflight).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:5173");
    assert_eq!(
        response.headers()["access-control-allow-headers"],
        "x-amz-target,x-amz-user-agent,content-type"
    );
    let mut request = call("GetUser", "{}");
    request.headers_mut().insert("origin", "http://localhost:5173".parse().unwrap());
    let response = send(&bench, request).await;
    assert!(
        response.headers()["access-control-expose-headers"].to_str().unwrap().contains("x-amzn-errortype")
    );
}

#[tokio::test]
async fn the_discovery_document_names_the_real_issuer_and_local_keys() {
    let bench = Bench::new().await;
    let get = |path: String| Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    let path = format!("/{}/.well-known/openid-configuration", bench.pool);
    let document = body(send(&bench, get(path)).await).await;
    assert_eq!(document["issuer"], format!("https://cognito-idp.us-east-1.amazonaws.com/{}", bench.pool));
    let jwks_uri = document["jwks_uri"].as_str().unwrap();
    let path = jwks_uri.strip_prefix("http://127.0.0.1:9000").unwrap();
    let keys = body(send(&bench, get(path.to_owned())).await).await;
    assert_eq!(Some(keys), bench.pools.jwks(&bench.pool));
    let unknown = send(&bench, get("/us-east-1_nope/.well-known/jwks.json".into())).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    assert!(bench.pools.jwks("us-east-1_nope").is_none());
}

#[tokio::test]
async fn the_region_of_the_signature_says_whose_pools_are_meant() {
    let bench = Bench::new().await;
    let list = async |region: &str| {
        let mut request = call("ListUserPools", r#"{"MaxResults": 60}"#);
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261103/{region}/cognito-idp/aws4_request, Signature=0"
        );
        request.headers_mut().insert("authorization", scope.parse().unwrap());
        body(send(&bench, request).await).await["UserPools"].as_array().unwrap().len()
    };
    assert_eq!((list("us-east-1").await, list("eu-west-1").await), (1, 0));
}

#[tokio::test]
async fn state_survives_and_sessions_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreLocation::File(folder.path().join("pools.db"));
    let mut bench = Bench::bare(store.clone()).await;
    bench.pool = bench.make_pool(json!({})).await;
    bench.client = bench.make_client(json!({})).await;
    bench.set_mfa("OPTIONAL").await;
    bench.add_user().await;
    let token = bench.access_token().await;
    bench.enrol_totp(&token).await;
    let keys = bench.pools.jwks(&bench.pool);

    let mut later = Bench::bare(store).await;
    (later.pool, later.client) = (bench.pool.clone(), bench.client.clone());
    drop(bench);
    assert_eq!(later.pools.jwks(&later.pool), keys);
    let user = later.ok("GetUser", json!({"AccessToken": token})).await;
    assert_eq!(user["PreferredMfaSetting"], "SOFTWARE_TOKEN_MFA");
    let challenge = later.with_srp(USERNAME, PASSWORD).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let described = later.ok("GetUserPoolMfaConfig", json!({"UserPoolId": later.pool})).await;
    assert_eq!(described["MfaConfiguration"], "OPTIONAL");
}

/// What is on the disk when an operation has answered is all there is to lose: a copy of the files
/// of a pool still at work, opened elsewhere, is what a process killed at that moment leaves.
#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::bare(StoreLocation::File(folder.path().join("pools.db"))).await;
    bench.pool = bench.make_pool(json!({})).await;
    bench.client = bench.make_client(json!({})).await;
    for number in 0..20 {
        let name = format!("user-{number}");
        bench
            .ok(
                "AdminCreateUser",
                json!({"UserPoolId": bench.pool, "Username": name, "MessageAction": "SUPPRESS"}),
            )
            .await;
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let left = Bench::bare(StoreLocation::File(copy.path().join("pools.db"))).await;
        left.ok("AdminGetUser", json!({"UserPoolId": bench.pool, "Username": name})).await;
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pools.db");
    std::fs::write(&path, "this is no database, though it is long enough to be looked at as one").unwrap();
    let config = Config {
        region: "us-east-1".into(),
        account_id: "111122223333".into(),
        store: StoreLocation::File(path.clone()),
        base_url: "http://127.0.0.1:9000".into(),
        functions: std::sync::Arc::new(FakeFunctions::default()),
        outbox: std::sync::Arc::new(FakeOutbox::default()),
        data_keys: std::sync::Arc::new(FakeDataKeys::default()),
        clock: Bench::bare(StoreLocation::Memory).await.clock,
        switches: Switches::default(),
    };
    let error = UserPools::open(config).await.unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()) && error.contains("not a database"), "{error}");
}

#[tokio::test]
async fn an_update_resets_what_is_not_sent() {
    let bench = Bench::with(
        json!({"LambdaConfig": {"PreSignUp": "arn:aws:lambda:us-east-1:111122223333:function:pre"}}),
        json!({}),
    )
    .await;
    let describe =
        async || bench.ok("DescribeUserPool", json!({"UserPoolId": bench.pool})).await["UserPool"].clone();
    assert!(describe().await["LambdaConfig"].get("PreSignUp").is_some());
    bench.ok("UpdateUserPool", json!({"UserPoolId": bench.pool, "UserPoolTags": {"a": "b"}})).await;
    let pool = describe().await;
    assert_eq!(pool["LambdaConfig"], json!({}));
    assert_eq!(pool["AutoVerifiedAttributes"], json!([]));
    assert_eq!((&pool["Name"], &pool["UserPoolTags"]), (&json!("test"), &json!({"a": "b"})));
}
