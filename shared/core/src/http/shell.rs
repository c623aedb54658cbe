use std::{convert::Infallible, panic::AssertUnwindSafe};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use lambda_http::request::RequestContext;

use super::{Origin, Problem, route};
use crate::{kernel::Refusal, telemetry::Metric};

/// Larger than any body of our APIs.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layers around the routes of every API.
pub(super) fn with_shell(routes: Router) -> Router {
    routes
        .fallback(async || Problem::new(Refusal::RouteNotFound))
        .method_not_allowed_fallback(async || Problem::new(Refusal::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(guard))
}

/// A panic becomes a response, and no response is cached on the way.
async fn guard(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let mut response = AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        // The panic hook has logged the place.
        Metric::Panicked.emit();
        Problem::new(Refusal::TemporarilyUnavailable).into_response()
    });
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// API Gateway's id of the request, as it stands in the access log.
fn request_id(request: &Request) -> Option<HeaderValue> {
    let RequestContext::ApiGatewayV2(context) = request.extensions().get::<RequestContext>()? else {
        return None;
    };
    let id = context.request_id.as_deref()?;
    tracing::info!(apiRequestId = id, "api request");
    HeaderValue::from_str(id).ok()
}

/// Serves a router behind API Gateway, and what stands before that, until Lambda ends the process.
pub async fn serve(router: Router, origin: Origin) -> Result<(), lambda_runtime::Error> {
    let service = lambda_http::service_fn(move |mut request: lambda_http::Request| {
        let router = router.clone();
        let is_admitted = origin.admits(&mut request) && route::follow(&mut request);
        async move {
            if !is_admitted {
                return Ok(Problem::new(Refusal::RouteNotFound).into_response());
            }
            let request = request.map(|body| axum::body::Body::from(body.to_vec()));
            Ok::<_, Infallible>(tower::ServiceExt::oneshot(router, request).await.into_response())
        }
    });
    lambda_http::run(service).await
}
