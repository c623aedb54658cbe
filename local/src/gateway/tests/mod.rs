mod authorizer;

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local_lambda_host::{Answer, FunctionError, Invocation};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::ServiceExt as _;

use super::*;
use crate::template::{Cors, JwtAuthorizer, Route, Throttle};

const NOW: i64 = 1_767_323_045;
const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExamplePl";
const CLIENT: &str = "1example23456789exampleab";
const SCOPE: &str = "aws.cognito.signin.user.admin";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
}

/// Keeps the events and answers as it is told.
struct Integration {
    events: Mutex<Vec<Value>>,
    answer: Result<Value, InvokeError>,
    error: Option<FunctionError>,
    hangs: bool,
}

#[async_trait]
impl Lambda for Integration {
    async fn run(&self, request: Invoke) -> Result<Invocation, InvokeError> {
        self.events.lock().unwrap().push(serde_json::from_slice(&request.payload).unwrap());
        if self.hangs {
            sleep(Duration::from_hours(1)).await;
        }
        let answer = self.answer.clone()?;
        let result = match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(Answer(Bytes::from(answer.to_string()))),
        };
        Ok(Invocation {
            request_id: request.request_id,
            result,
            init: None,
            duration: Duration::ZERO,
            init_usage: None,
            usage: None,
        })
    }
}

fn integration(answer: Value) -> Integration {
    Integration { events: Mutex::default(), answer: Ok(answer), error: None, hangs: false }
}

/// A throw-away RSA key pair as the issuer's.
struct Issuer {
    pem: String,
    jwks: Value,
}

impl Keys for Issuer {
    fn jwks(&self, issuer: &str) -> Option<Value> {
        (issuer == ISSUER).then(|| self.jwks.clone())
    }
}

fn issuer() -> &'static Arc<Issuer> {
    static ISSUER: std::sync::OnceLock<Arc<Issuer>> = std::sync::OnceLock::new();
    ISSUER.get_or_init(|| {
        use aws_lc_rs::encoding::AsDer as _;
        use aws_lc_rs::rsa::{KeyPair, KeySize};
        use aws_lc_rs::signature::KeyPair as _;
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let public = pair.public_key();
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let key =
            json!({ "kid": "k", "kty": "RSA", "alg": "RS256", "use": "sig", "e": exponent, "n": modulus });
        Arc::new(Issuer { pem, jwks: json!({ "keys": [key] }) })
    })
}

fn claims() -> Value {
    json!({
        "sub": "a1b2c3d4-5678-40ab-9cde-f0123456789a",
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "scope": SCOPE,
        "auth_time": NOW - 60,
        "exp": NOW + 3540,
        "iat": NOW - 60,
        "jti": "d4e5f607-8901-4cde-8f01-23456789abcd",
        "origin_jti": "e5f60718-9012-4def-9012-3456789abcde",
        "event_id": "c3d4e5f6-7890-4bcd-9ef0-123456789abc",
        "username": "a1b2c3d4-5678-40ab-9cde-f0123456789a",
    })
}

fn signed(claims: &Value, kid: &str) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_rsa_pem(issuer().pem.as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

fn route(method: &str, path: &str, authorizer: bool, scopes: &[&str]) -> Route {
    Route {
        method: method.to_owned(),
        path: path.to_owned(),
        function: "mfa-api".to_owned(),
        authorizer: authorizer.then(|| "UserPool".to_owned()),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

fn api() -> Api {
    let jwt = JwtAuthorizer { issuer: ISSUER.to_owned(), audience: vec![CLIENT.to_owned()] };
    Api {
        routes: vec![
            route("GET", "/mfa", true, &[]),
            route("PUT", "/mfa", true, &[SCOPE]),
            route("POST", "/open/{id}", false, &[]),
        ],
        cors: None,
        throttle: None,
        authorizers: BTreeMap::from([("UserPool".to_owned(), jwt)]),
    }
}

fn gateway(api: Api, integration: &Arc<Integration>) -> Router {
    let keys: Arc<dyn Keys> = issuer().clone();
    Gateway::router(api, "111122223333".to_owned(), integration.clone(), &keys, Arc::new(Fixed))
}

fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1:9101")
}

async fn send(router: &Router, request: Request) -> (u16, HeaderMap, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Every path of members in a JSON value.
fn shape(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    into.insert(format!(
        "{path}: {}",
        match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null => "null",
        }
    ));
    if let Value::Object(members) = value {
        for (name, member) in members {
            shape(member, &format!("{path}/{name}"), into);
        }
    }
}

#[tokio::test]
async fn the_event_has_the_shape_of_the_sample() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let request = request("GET", "/mfa")
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("user-agent", "example/1.0")
        .header("authorization", format!("Bearer {}", signed(&claims(), "k")));
    send(&gateway(api(), &integration), request.body(Body::empty()).unwrap()).await;
    let event = integration.events.lock().unwrap().pop().unwrap();
    let sample: Value =
        serde_json::from_str(include_str!("../../../../events/apigw-http-v2.access-token.json")).unwrap();
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    shape(&event, "", &mut ours);
    shape(&sample, "", &mut theirs);
    assert_eq!(ours, theirs);
    for same in [
        "/version",
        "/routeKey",
        "/rawPath",
        "/requestContext/stage",
        "/requestContext/time",
        "/requestContext/timeEpoch",
        "/requestContext/authorizer",
        "/requestContext/accountId",
    ] {
        assert_eq!(event.pointer(same), sample.pointer(same), "{same}");
    }
}

#[tokio::test]
async fn claims_are_text_and_scopes_are_those_of_the_route() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let mut claims = claims();
    claims["cognito:groups"] = json!(["admins", "users"]);
    claims["email_verified"] = json!(true);
    claims["scope"] = json!(format!("{SCOPE} other"));
    let request = request("PUT", "/mfa").header("authorization", signed(&claims, "k"));
    send(&gateway(api(), &integration), request.body(Body::empty()).unwrap()).await;
    let event = integration.events.lock().unwrap().pop().unwrap();
    let jwt = &event["requestContext"]["authorizer"]["jwt"];
    assert_eq!(jwt["claims"]["cognito:groups"], "[admins users]");
    assert_eq!(jwt["claims"]["email_verified"], "true");
    assert_eq!(jwt["claims"]["exp"], (NOW + 3540).to_string());
    assert_eq!(jwt["scopes"], json!([SCOPE]));
}

#[tokio::test]
async fn query_cookies_headers_and_body_arrive_as_payload_2_has_them() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let router = gateway(api(), &integration);
    let request_one = request("POST", "/open/my%20phone?a=1&a=2&b=%2B1+2")
        .header("cookie", "x=1; y=2")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(r#"{"ü":1}"#))
        .unwrap();
    send(&router, request_one).await;
    let event = integration.events.lock().unwrap().pop().unwrap();
    assert_eq!(event["routeKey"], "POST /open/{id}");
    assert_eq!(event["rawPath"], "/open/my phone");
    assert_eq!(event["rawQueryString"], "a=1&a=2&b=%2B1+2");
    assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": "+1 2" }));
    assert_eq!(event["pathParameters"], json!({ "id": "my phone" }));
    assert_eq!(event["cookies"], json!(["x=1", "y=2"]));
    assert_eq!(event["headers"]["x-twice"], "1,2");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(r#"{"ü":1}"#), &json!(false)));
    assert_eq!(event["requestContext"].get("authorizer"), None);

    let form = request("POST", "/open/1")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("a=1"))
        .unwrap();
    send(&router, form).await;
    let event = integration.events.lock().unwrap().pop().unwrap();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("YT0x"), &json!(true)));
}

/// cognito.md §8.4: what stands decoded in a path decides which route takes it.
#[tokio::test]
async fn a_path_is_routed_as_it_is_read() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let mut api = api();
    api.routes.push(route("POST", "/open/{id}/close", false, &[]));
    let router = gateway(api, &integration);
    for (sent, status, seen) in [
        ("/open/1%2Fclose", 200, Some(("POST /open/{id}/close", "/open/1/close", "1"))),
        ("/open/1%252Fclose", 200, Some(("POST /open/{id}/close", "/open/1/close", "1"))),
        ("/open/1%3F/close", 200, Some(("POST /open/{id}", "/open/1", "1"))),
        ("/open/1%2Fclose%3Fx/other?a=1", 200, Some(("POST /open/{id}/close", "/open/1/close", "1"))),
        ("/open/1%23/close", 200, Some(("POST /open/{id}/close", "/open/1#/close", "1#"))),
        ("/open/1%253F/close", 200, Some(("POST /open/{id}/close", "/open/1?/close", "1?"))),
        ("/open/1%2525/close", 200, Some(("POST /open/{id}/close", "/open/1%/close", "1%"))),
        ("/open/../close", 200, Some(("POST /open/{id}/close", "/open/../close", ".."))),
        ("/open/1%2Fother", 404, None),
        ("/open/1%25/close", 400, None),
        ("/open/1%/close", 400, None),
    ] {
        let (answered, _, body) = send(&router, request("POST", sent).body(Body::empty()).unwrap()).await;
        assert_eq!(answered, status, "{sent}: {body}");
        let event = integration.events.lock().unwrap().pop();
        let Some((key, path, id)) = seen else {
            assert_eq!(event, None, "{sent}");
            continue;
        };
        let event = event.unwrap();
        assert_eq!(event["routeKey"], key, "{sent}");
        assert_eq!(
            (&event["rawPath"], &event["requestContext"]["http"]["path"]),
            (&json!(path), &json!(path))
        );
        assert_eq!(event["pathParameters"], json!({ "id": id }), "{sent}");
        assert_eq!(event["rawQueryString"], sent.split_once('?').map_or("", |(_, query)| query), "{sent}");
    }
}

#[rstest]
#[case::whole(
    json!({ "statusCode": 201, "headers": { "x-a": "1", "content-type": "text/html" }, "cookies": ["a=1", "b=2"], "body": "<p>" }),
    201, "text/html", "<p>"
)]
#[case::status_as_text(json!({ "statusCode": "204" }), 204, "text/plain;charset=UTF-8", "")]
#[case::base64(json!({ "statusCode": 200, "isBase64Encoded": true, "body": "aGk=" }), 200, "text/plain;charset=UTF-8", "hi")]
#[case::no_status(json!({ "ok": true }), 200, "application/json", r#"{"ok":true}"#)]
#[case::not_an_object(json!("hi"), 200, "application/json", r#""hi""#)]
#[case::body_is_no_text(json!({ "statusCode": 200, "body": {} }), 500, "application/json", r#"{"message":"Internal Server Error"}"#)]
#[case::status_is_no_number(json!({ "statusCode": "ok" }), 500, "application/json", r#"{"message":"Internal Server Error"}"#)]
#[tokio::test]
async fn answers_are_mapped(
    #[case] answer: Value,
    #[case] status: u16,
    #[case] content_type: &str,
    #[case] body: &str,
) {
    let integration = Arc::new(integration(answer.clone()));
    let (answered, headers, text) =
        send(&gateway(api(), &integration), request("POST", "/open/1").body(Body::empty()).unwrap()).await;
    assert_eq!((answered, text.as_str()), (status, body));
    assert_eq!(headers["content-type"], content_type);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), answer["cookies"].as_array().map_or(0, Vec::len));
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_integration_have_the_gateways_own_answers() {
    let failing = |error| Integration { error: Some(error), ..integration(json!({})) };
    let refusing = |error| Integration { answer: Err(error), ..integration(json!({})) };
    let internal = (500, r#"{"message":"Internal Server Error"}"#);
    let unavailable = (503, r#"{"message":"Service Unavailable"}"#);
    for (integration, expected) in [
        (failing(FunctionError::new("Broken", "secret".to_owned())), internal),
        (failing(FunctionError::timed_out("1", Duration::from_secs(5))), unavailable),
        (refusing(InvokeError::NotFound("arn".to_owned())), internal),
        (refusing(InvokeError::TooManyRequests), unavailable),
        (Integration { hangs: true, ..integration(json!({})) }, unavailable),
    ] {
        let router = gateway(api(), &Arc::new(integration));
        let (status, _, body) = send(&router, request("POST", "/open/1").body(Body::empty()).unwrap()).await;
        assert_eq!((status, body.as_str()), expected);
    }
}

#[tokio::test]
async fn sizes_are_limited() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let router = gateway(api(), &integration);
    let full = request("POST", "/open/1").body(Body::from(vec![b'a'; 10 * 1024 * 1024])).unwrap();
    assert_eq!(send(&router, full).await.0, 200);
    let over = request("POST", "/open/1").body(Body::from(vec![b'a'; 10 * 1024 * 1024 + 1])).unwrap();
    assert_eq!(send(&router, over).await.0, 413);
    let long = request("POST", "/open/1").header("x-long", "a".repeat(10_240)).body(Body::empty()).unwrap();
    assert_eq!(send(&router, long).await.0, 431);
    assert_eq!(integration.events.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_has_no_route_is_not_found() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let router = gateway(api(), &integration);
    for (method, path) in [("GET", "/other"), ("DELETE", "/mfa"), ("GET", "/mfa/")] {
        let (status, _, body) = send(&router, request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!((status, body.as_str()), (404, r#"{"message":"Not Found"}"#), "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_route_is_throttled_for_itself() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let mut api = api();
    api.throttle = Some(Throttle { rate: 1.0, burst: 2.0 });
    let router = gateway(api, &integration);
    let post = || request("POST", "/open/1").body(Body::empty()).unwrap();
    assert_eq!(send(&router, post()).await.0, 200);
    assert_eq!(send(&router, post()).await.0, 200);
    let (status, _, body) = send(&router, post()).await;
    assert_eq!((status, body.as_str()), (429, r#"{"message":"Too Many Requests"}"#));
    assert_eq!(send(&router, request("GET", "/mfa").body(Body::empty()).unwrap()).await.0, 401);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(send(&router, post()).await.0, 200);
}

#[tokio::test]
async fn cors_is_the_gateways_and_not_the_functions() {
    let answer = json!({
        "statusCode": 200,
        "headers": { "Access-Control-Allow-Origin": "https://of-the-function.example", "x-a": "1" },
    });
    let integration = Arc::new(integration(answer));
    let mut api = api();
    api.cors = Some(Cors {
        allow_origins: vec!["http://localhost:5173".to_owned()],
        allow_methods: vec!["GET".to_owned(), "PUT".to_owned()],
        allow_headers: vec!["authorization".to_owned()],
        max_age: Some(600),
        ..Cors::default()
    });
    let router = gateway(api, &integration);
    let from = |method, path, origin: &str| {
        request(method, path).header("origin", origin).body(Body::empty()).unwrap()
    };

    let (status, headers, _) = send(&router, from("OPTIONS", "/mfa", "http://localhost:5173")).await;
    assert_eq!(status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "http://localhost:5173"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(integration.events.lock().unwrap().is_empty(), "a preflight reached the function");
    let (status, _, _) = send(&router, from("OPTIONS", "/elsewhere", "http://localhost:5173")).await;
    assert_eq!(status, 204, "no route has to be there");

    let allow = "access-control-allow-origin";
    let (_, headers, _) = send(&router, from("OPTIONS", "/mfa", "http://localhost:3000")).await;
    assert!(!headers.contains_key(allow));
    let (_, headers, _) = send(&router, from("POST", "/open/1", "http://localhost:5173")).await;
    assert_eq!(
        headers.get_all(allow).iter().collect::<Vec<_>>(),
        [HeaderValue::from_static("http://localhost:5173")]
    );
    assert_eq!(headers["x-a"], "1");
    let (_, headers, _) = send(&router, request("POST", "/open/1").body(Body::empty()).unwrap()).await;
    assert!(!headers.contains_key(allow));
    let (status, headers, _) = send(&router, from("GET", "/mfa", "http://localhost:5173")).await;
    assert_eq!((status, headers.contains_key(allow)), (401, true), "a page must be able to read the 401");
}

/// cognito.md §8.2: browsers send no token with a preflight.
#[rstest]
#[case::greedy("ANY", "/{proxy+}", true, 401)]
#[case::default_route("ANY", "$default", true, 401)]
#[case::options_with_authorizer("OPTIONS", "/{proxy+}", true, 401)]
#[case::options_without_authorizer("OPTIONS", "/{proxy+}", false, 200)]
#[case::other_methods("DELETE", "/{proxy+}", true, 204)]
#[tokio::test]
async fn a_route_that_takes_options_gets_the_preflight(
    #[case] method: &str,
    #[case] path: &str,
    #[case] authorizer: bool,
    #[case] expected: u16,
) {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let mut api = api();
    api.cors = Some(Cors { allow_origins: vec!["http://localhost:5173".to_owned()], ..Cors::default() });
    api.routes.push(route(method, path, authorizer, &[]));
    let preflight = request("OPTIONS", "/mfa")
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "GET");
    let (status, _, _) = send(&gateway(api, &integration), preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(status, expected);
}
