//! This listener is for programs and pages of the same machine. A page from elsewhere could reach
//! it through the user's browser, by name (DNS rebinding) or across origins; both are refused.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use url::{Host, Url};

/// Amplify runs in browsers, on a development server's origin.
pub(super) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_local_origin(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            HeaderName::from_static("x-amzn-errortype"),
            HeaderName::from_static("x-amzn-errormessage"),
            HeaderName::from_static("x-amzn-requestid"),
        ])
}

pub(super) async fn refuse_foreign(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let foreign_host = headers.get(header::HOST).is_some_and(|host| !is_local_host(host));
    let foreign_origin = headers.get(header::ORIGIN).is_some_and(|origin| !is_local_origin(origin));
    if foreign_host || foreign_origin {
        return (StatusCode::FORBIDDEN, "This service answers to its own machine only.\n").into_response();
    }
    next.run(request).await
}

fn is_local_host(host: &HeaderValue) -> bool {
    host.to_str().is_ok_and(|host| is_local(&format!("http://{host}")))
}

fn is_local_origin(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(is_local)
}

fn is_local(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}
