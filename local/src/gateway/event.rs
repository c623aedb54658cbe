//! Payload 2.0 (cognito.md §8.2).

use axum::http::header::{COOKIE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::authorizer::Authorized;
use super::routes::Match;
use crate::ambient::unique_id;

/// The id that the API has in events.
const API_ID: &str = "local";

pub(super) fn payload(
    head: &Parts,
    path: &str,
    body: &[u8],
    matched: &Match<'_>,
    authorized: Option<&Authorized>,
    account_id: &str,
    now: Timestamp,
) -> Value {
    let route_key = matched.route_key();
    let query = head.uri.query().unwrap_or_default();
    let mut event = Map::new();
    event.insert("version".to_owned(), "2.0".into());
    event.insert("routeKey".to_owned(), route_key.clone().into());
    event.insert("rawPath".to_owned(), path.into());
    event.insert("rawQueryString".to_owned(), query.into());
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event.insert("cookies".to_owned(), cookies.into());
    }
    event.insert("headers".to_owned(), headers(&head.headers).into());
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event.insert("queryStringParameters".to_owned(), parameters.into());
    }
    event.insert("requestContext".to_owned(), context(head, &route_key, path, authorized, account_id, now));
    if !matched.parameters.is_empty() {
        event.insert("pathParameters".to_owned(), json!(matched.parameters));
    }
    let text = std::str::from_utf8(body).ok().filter(|_| is_text(&head.headers));
    match text {
        Some("") => {}
        Some(text) => {
            event.insert("body".to_owned(), text.into());
        }
        None => {
            event.insert("body".to_owned(), STANDARD.encode(body).into());
        }
    }
    event.insert("isBase64Encoded".to_owned(), text.is_none().into());
    Value::Object(event)
}

fn context(
    head: &Parts,
    route_key: &str,
    path: &str,
    authorized: Option<&Authorized>,
    account_id: &str,
    now: Timestamp,
) -> Value {
    let header =
        |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let domain = header(header::HOST).split(':').next().unwrap_or_default();
    let mut context = Map::new();
    context.insert("accountId".to_owned(), account_id.into());
    context.insert("apiId".to_owned(), API_ID.into());
    if let Some(Authorized { claims, scopes }) = authorized {
        context.insert("authorizer".to_owned(), json!({ "jwt": { "claims": claims, "scopes": scopes } }));
    }
    context.insert("domainName".to_owned(), domain.into());
    context.insert("domainPrefix".to_owned(), domain.split('.').next().into());
    context.insert(
        "http".to_owned(),
        json!({
            "method": head.method.as_str(),
            "path": path,
            "protocol": if head.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
            "sourceIp": "127.0.0.1",
            "userAgent": header(header::USER_AGENT),
        }),
    );
    context.insert("requestId".to_owned(), request_id().into());
    context.insert("routeKey".to_owned(), route_key.into());
    context.insert("stage".to_owned(), "$default".into());
    let time = now.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
    context.insert("time".to_owned(), time.into());
    context.insert("timeEpoch".to_owned(), now.as_millisecond().into());
    Value::Object(context)
}

/// Sixteen characters that end in `=`, as API Gateway's.
fn request_id() -> String {
    let id = unique_id().simple().to_string();
    format!("{}=", id.get(..15).unwrap_or_default())
}

/// Lower-case names, several values joined by a comma, without cookies.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in headers.keys().filter(|name| **name != COOKIE) {
        let values: Vec<_> = headers.get_all(name).iter().map(text_of).collect();
        joined.insert(name.as_str().to_owned(), values.join(",").into());
    }
    for (name, value) in
        [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-port", "443"), ("x-forwarded-proto", "https")]
    {
        joined.entry(name).or_insert_with(|| value.into());
    }
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let pairs = headers.get_all(COOKIE).iter().map(text_of);
    pairs.flat_map(|pairs| pairs.split("; ").map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn text_of(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Decoded, several values of one name joined by a comma.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = match parameters.get(&*name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), joined.into());
    }
    parameters
}

/// Bodies of other types travel in base64, HTML forms among them.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = text_of(content_type).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || ["application/json", "application/javascript", "application/xml"].contains(&essence.as_str())
}
