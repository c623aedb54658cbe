//! What stands before every listener of a local cloud: it answers to programs and pages of this
//! machine only. A page from elsewhere could reach it through the user's browser, by name (DNS
//! rebinding) or across origins. It is here, and not where the listeners are, because the pool can
//! be used without them.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use url::{Host, Url};

/// `router`, for requests whose `Host` and, if they have one, `Origin` are this machine.
pub fn guarded(router: Router) -> Router {
    router.layer(from_fn(refuse_foreign))
}

async fn refuse_foreign(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let foreign_host = headers.get(header::HOST).is_none_or(|host| !is_local_host(host));
    let foreign_origin = headers.get(header::ORIGIN).is_some_and(|origin| !is_local_origin(origin));
    if foreign_host || foreign_origin {
        return (StatusCode::FORBIDDEN, "This service answers to its own machine only.\n").into_response();
    }
    next.run(request).await
}

fn is_local_host(host: &HeaderValue) -> bool {
    host.to_str().is_ok_and(|host| is_local(&format!("http://{host}")))
}

pub(crate) fn is_local_origin(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(is_local)
}

fn is_local(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use rstest::rstest;
    use tower::ServiceExt as _;

    use super::*;

    #[rstest]
    #[case(Some("127.0.0.1:9100"), None, 200)]
    #[case(Some("localhost:9100"), None, 200)]
    #[case(Some("[::1]:9100"), None, 200)]
    #[case(Some("127.0.0.1:9100"), Some("http://localhost:5173"), 200)]
    #[case(Some("127.0.0.1:9100"), Some("http://127.0.0.1:3000"), 200)]
    #[case(None, None, 403)]
    #[case(Some("attacker.example"), None, 403)]
    #[case(Some("localhost.attacker.example:9100"), None, 403)]
    #[case(Some("127.0.0.1.attacker.example"), None, 403)]
    #[case(Some("127.0.0.1:9100"), Some("https://attacker.example"), 403)]
    #[case(Some("127.0.0.1:9100"), Some("null"), 403)]
    #[case(Some("pool.localhost:9100"), None, 403)]
    #[case(Some("127.0.0.1:9100"), Some("http://app.localhost:5173"), 403)]
    #[case(Some("127.0.0.1:9100"), Some("http://localhost@attacker.example"), 403)]
    #[tokio::test]
    async fn only_this_machine_is_let_in(
        #[case] host: Option<&str>,
        #[case] origin: Option<&str>,
        #[case] status: u16,
    ) {
        let mut request = Request::get("/");
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let app = guarded(Router::new().route("/", get(async || "in")));
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
}
