//! CORS as configured on the API. A function's own CORS headers are taken away, as API Gateway does.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::template::Cors;

const OF_FUNCTIONS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

pub(super) fn apply(
    cors: &Cors,
    origin: Option<&HeaderValue>,
    preflight: bool,
    mut response: Response,
) -> Response {
    let headers = response.headers_mut();
    for name in OF_FUNCTIONS {
        headers.remove(name);
    }
    let Some(origin) = origin else { return response };
    let any = cors.allow_origins.iter().any(|allowed| allowed == "*");
    if any && !cors.allow_credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if any || cors.allow_origins.iter().any(|allowed| origin == allowed.as_str()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    } else {
        return response;
    }
    if cors.allow_credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if preflight {
        list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods);
        list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers);
        if let Some(seconds) = cors.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
    } else {
        list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers);
    }
    response
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let (false, Ok(value)) = (values.is_empty(), HeaderValue::try_from(values.join(","))) {
        headers.insert(name, value);
    }
}
