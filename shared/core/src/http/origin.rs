//! Checks that a request came through `CloudFront`, if `CloudFront` is in front of the API.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use lambda_http::request::RequestContext;
use subtle::ConstantTimeEq as _;

use crate::config::Environment;

/// The header in which `CloudFront` sends the secret that we share with it.
const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-origin-secret");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The secret of `CloudFront`, or `None` if callers reach the API directly.
#[derive(Clone, Default)]
pub struct Origin(Option<String>);

/// Omits the secret.
impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Origin(..)")
    }
}

impl Origin {
    /// Reads `MFA_ORIGIN_SECRET`. If it is absent, callers reach the API directly.
    pub fn read(environment: &Environment<'_>) -> Self {
        Self(environment.optional("MFA_ORIGIN_SECRET"))
    }

    /// Returns whether `CloudFront` is in front of the API.
    pub(super) fn has_a_front(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether to accept a request. Behind `CloudFront`, this sets the source address to the viewer's.
    /// API Gateway sees only `CloudFront`'s own address.
    pub(super) fn admits(&self, request: &mut lambda_http::Request) -> bool {
        let Some(secret) = &self.0 else { return true };
        let shown = request.headers_mut().remove(ORIGIN_SECRET);
        let is_cloud_front = shown.is_some_and(|shown| bool::from(shown.as_bytes().ct_eq(secret.as_bytes())));
        if !is_cloud_front {
            return false;
        }
        let forwarded = forwarded_for(request.headers());
        if let Some(RequestContext::ApiGatewayV2(context)) = request.extensions_mut().get_mut() {
            let edge = context.http.source_ip.as_deref().and_then(|address| address.parse().ok());
            context.http.source_ip = viewer(&forwarded, edge).map(|address| address.to_string());
        }
        true
    }
}

/// Returns the addresses of `X-Forwarded-For`, the caller's first. The caller can forge those before
/// `CloudFront`'s entry.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    lines
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(|address| address.trim().parse().ok())
        .collect()
}

/// Returns the entry that `CloudFront` wrote: the last one, or the one before API Gateway's.
fn viewer(forwarded: &[Option<IpAddr>], edge: Option<IpAddr>) -> Option<IpAddr> {
    match forwarded {
        [.., viewer, last] if last.is_some() && *last == edge => *viewer,
        [.., last] => *last,
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
    use rstest::rstest;

    use super::*;

    const EDGE: &str = "130.176.0.1";

    fn request(headers: &[(HeaderName, &str)]) -> lambda_http::Request {
        let mut request = lambda_http::Request::default();
        for (name, value) in headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some(EDGE.to_owned());
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        request
    }

    fn source(request: &lambda_http::Request) -> Option<&str> {
        match request.extensions().get() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => panic!("no context"),
        }
    }

    fn origin(secret: &str) -> Origin {
        Origin((!secret.is_empty()).then(|| secret.into()))
    }

    #[test]
    fn without_a_proxy_no_header_is_trusted() {
        let mut direct = request(&[(FORWARDED_FOR, "203.0.113.9, 198.51.100.7"), (ORIGIN_SECRET, "x")]);
        assert!(origin("").admits(&mut direct));
        assert_eq!(source(&direct), Some(EDGE));
    }

    #[test]
    fn behind_cloud_front_only_what_came_through_it_is_admitted() {
        let secret = "a".repeat(64);
        for shown in ["", "a", &"b".repeat(64), &"a".repeat(65)] {
            assert!(!origin(&secret).admits(&mut request(&[(ORIGIN_SECRET, shown)])), "{shown}");
        }
        assert!(!origin(&secret).admits(&mut request(&[])));
        let mut through = request(&[(ORIGIN_SECRET, &secret), (FORWARDED_FOR, "198.51.100.7")]);
        assert!(origin(&secret).admits(&mut through));
        assert_eq!(through.headers().get(ORIGIN_SECRET), None, "nobody behind needs it");
    }

    #[rstest]
    #[case::cloud_front_alone("198.51.100.7", Some("198.51.100.7"))]
    #[case::api_gateway_behind_it("198.51.100.7, 130.176.0.1", Some("198.51.100.7"))]
    #[case::what_the_caller_says_stands_before(
        "203.0.113.9, 198.51.100.7, 130.176.0.1",
        Some("198.51.100.7")
    )]
    #[case::also_without_api_gateway("203.0.113.9,198.51.100.7", Some("198.51.100.7"))]
    #[case::ipv6("2001:db8::7, 130.176.0.1", Some("2001:db8::7"))]
    #[case::no_address("198.51.100.7, unknown, 130.176.0.1", None)]
    #[case::nothing("", None)]
    fn the_callers_address_is_the_one_that_called_cloud_front(
        #[case] forwarded: &str,
        #[case] expected: Option<&str>,
    ) {
        let mut through = request(&[(ORIGIN_SECRET, "hush"), (FORWARDED_FOR, forwarded)]);
        assert!(origin("hush").admits(&mut through));
        assert_eq!(source(&through), expected);
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", origin("hush")).contains("hush"));
    }
}
