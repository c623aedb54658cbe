//! AWS JSON 1.1 over HTTP: one POST for all operations, named by `X-Amz-Target`, and the two
//! documents a token's verifier fetches.

pub(crate) mod constraints;
mod cors;
pub(crate) mod error;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{UserPools, loopback};
use error::{ApiError, ErrorCode};

const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";

pub(crate) fn router(pools: Arc<UserPools>) -> Router {
    let router = Router::new()
        .route("/", post(operation))
        .route("/{pool}/.well-known/jwks.json", get(jwks))
        .route("/{pool}/.well-known/openid-configuration", get(discovery))
        .route("/{pool}/auth-event-feedback", get(feedback))
        .with_state(pools)
        .layer(cors::cors());
    loopback::guarded(router)
}

async fn operation(State(pools): State<Arc<UserPools>>, headers: HeaderMap, body: Bytes) -> Response {
    let caller = Caller::of(&headers);
    let answer = match named_operation(&headers) {
        Some(name) => match parse(&body) {
            // A task of its own: a client that hangs up doesn't stop an operation half-way.
            Ok(input) => {
                let name = name.to_owned();
                tokio::spawn(async move { pools.call_as(&name, input, caller).await })
                    .await
                    .unwrap_or_else(|fault| Err(ApiError::internal(fault)))
            }
            Err(refusal) => Err(refusal),
        },
        None => Err(ApiError::new(ErrorCode::UnknownOperation, "")),
    };
    match answer {
        Ok(output) => answer_json(StatusCode::OK, &output),
        Err(error) => refuse(&error),
    }
}

fn named_operation(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(TARGET_PREFIX)
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    let malformed = || ApiError::new(ErrorCode::Serialization, "The request body is not valid JSON");
    if body.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(body).map_err(|_| malformed())? {
        Value::Null => Ok(json!({})),
        input => Ok(input),
    }
}

/// What the signature of a call tells of its caller. Signatures themselves are not checked: a caller
/// who reaches this port may administer the pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// Whose pools `CreateUserPool` and `ListUserPools` mean.
    pub(crate) region: Option<String>,
}

impl Caller {
    fn of(headers: &HeaderMap) -> Self {
        // AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …
        let region = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split("Credential=").nth(1))
            .and_then(|scope| scope.split('/').nth(2))
            .map(str::to_owned);
        Self { region }
    }
}

fn answer_json(status: StatusCode, body: &Value) -> Response {
    let request_id = crate::entropy::uuid();
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    response
}

fn refuse(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let name = error.code.name();
    let mut response = answer_json(status, &json!({"__type": name, "message": error.message}));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("{name}:")) {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), value);
    }
    // Texts of functions may hold what no header may.
    if let Ok(value) = HeaderValue::from_str(error.message.trim_end()) {
        headers.insert(HeaderName::from_static("x-amzn-errormessage"), value);
    }
    response
}

async fn jwks(State(pools): State<Arc<UserPools>>, Path(pool): Path<String>) -> Response {
    match pools.keys_of(&pool).await {
        Ok(keys) => document(&keys.jwks()),
        Err(error) => refuse(&error),
    }
}

async fn discovery(State(pools): State<Arc<UserPools>>, Path(id): Path<String>) -> Response {
    let pool = match pools.store.pool(&id) {
        Ok(pool) => pool,
        Err(error) => return refuse(&error),
    };
    let base = pools.config.base_url.trim_end_matches('/');
    document(&json!({
        "issuer": pool.issuer(),
        "jwks_uri": format!("{base}/{id}/.well-known/jwks.json"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "token"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

/// Where the links of a takeover notification lead.
async fn feedback(State(pools): State<Arc<UserPools>>, Path(pool): Path<String>, uri: Uri) -> Response {
    let mut input = serde_json::Map::from_iter([("UserPoolId".to_owned(), pool.into())]);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let member = match name.as_ref() {
            "user_name" => "Username",
            "event_id" => "EventId",
            "feedback_token" => "FeedbackToken",
            "value" => "FeedbackValue",
            _ => continue,
        };
        input.insert(member.to_owned(), value.into_owned().into());
    }
    match pools.call("UpdateAuthEventFeedback", Value::Object(input)).await {
        Ok(_) => "Thank you, your answer is kept with the sign-in.\n".into_response(),
        Err(error) => refuse(&error),
    }
}

fn document(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
