//! What a function answered, as an HTTP response (payload 2.0).

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// One of the gateway's own answers.
pub(super) fn message(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "message": text }))).into_response()
}

/// An answer that is no payload 2.0 response is a failure of the integration.
pub(super) fn map(answer: &Bytes) -> Response {
    let failed = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    let Ok(value) = serde_json::from_slice::<Value>(answer) else {
        return failed();
    };
    match value {
        Value::Object(parts) if parts.contains_key("statusCode") => mapped(&parts).unwrap_or_else(failed),
        // Without a status the whole answer is the body.
        _ => ([(header::CONTENT_TYPE, "application/json")], answer.clone()).into_response(),
    }
}

fn mapped(parts: &Map<String, Value>) -> Option<Response> {
    let status = match parts.get("statusCode")? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let body = match parts.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if parts.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            STANDARD.decode(text).ok()?
        }
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    match parts.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(own)) => {
            for (name, value) in own {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return None,
                };
                let name = HeaderName::try_from(name.as_str()).ok()?;
                // The body's own length counts.
                if name != header::CONTENT_LENGTH && name != header::TRANSFER_ENCODING {
                    headers.insert(name, HeaderValue::try_from(value).ok()?);
                }
            }
        }
        Some(_) => return None,
    }
    if let Some(Value::Array(cookies)) = parts.get("cookies") {
        for cookie in cookies {
            headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie.as_str()?).ok()?);
        }
    }
    Some(response)
}
