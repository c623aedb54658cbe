//! An API Gateway HTTP API with payload 2.0 in front of the Lambda host (cognito.md §8).
//!
//! A request passes: size limits, reading of the path, route, throttle, authorizer, function, and on the way back the
//! response mapping and the CORS headers. Whatever stops it answers for itself. The gateway answers a CORS preflight
//! that no route takes.

mod authorizer;
mod cors;
mod event;
mod path;
mod response;
mod routes;
mod throttle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use local_lambda_host::{InvokeError, Lambda, Request as Invoke};
use local_user_pool::ports::Clock;
use tokio::time::timeout;

pub use authorizer::Keys;
use authorizer::{Authorized, Authorizer, Refused};
use response::message;
use routes::{Match, Routes};
use throttle::Bucket;

use crate::template::{Api, Cors};

/// 10 MB.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// Request line and headers together.
const HEAD_LIMIT: usize = 10_240;
/// The longest that an HTTP API waits for an integration.
const INTEGRATION_LIMIT: Duration = Duration::from_secs(30);

/// What the gateway is made of.
pub struct Gateway {
    routes: Routes,
    buckets: Vec<Option<Bucket>>,
    cors: Option<Cors>,
    authorizers: BTreeMap<String, Authorizer>,
    account_id: String,
    lambda: Arc<dyn Lambda>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Gateway {
    /// `keys` finds the JWKS of an issuer.
    pub fn router(
        api: Api,
        account_id: String,
        lambda: Arc<dyn Lambda>,
        keys: &Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
    ) -> Router {
        let buckets = api.routes.iter().map(|_| api.throttle.map(Bucket::new)).collect();
        let authorizers = api
            .authorizers
            .into_iter()
            .map(|(name, jwt)| (name, Authorizer::new(jwt, Arc::clone(keys))))
            .collect();
        let routes = Routes::new(api.routes);
        let gateway = Self { routes, buckets, cors: api.cors, authorizers, account_id, lambda, clock };
        Router::new().fallback(handle).with_state(Arc::new(gateway))
    }

    /// `None` on an open route.
    fn authorize(&self, matched: &Match<'_>, headers: &HeaderMap) -> Result<Option<Authorized>, Refused> {
        let Some(name) = &matched.route.authorizer else {
            return Ok(None);
        };
        // The template was refused if it named an authorizer that is not there.
        let authorizer = self.authorizers.get(name).ok_or(Refused::Unauthorized(None))?;
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        authorizer.check(token, &matched.route.scopes, self.clock.now()).map(Some)
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        if head_size(&head.uri.to_string(), &head.headers) > HEAD_LIMIT {
            return message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let Some(path) = path::read(head.uri.path()) else {
            return message(StatusCode::BAD_REQUEST, "Bad Request");
        };
        let Some(matched) = self.routes.find(head.method.as_str(), &path) else {
            // A preflight that a route takes is a request like any other: the route's authorizer refuses it.
            if self.cors.is_some() && head.method == Method::OPTIONS {
                return StatusCode::NO_CONTENT.into_response();
            }
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let full = self.buckets.get(matched.index).and_then(Option::as_ref);
        if full.is_some_and(|bucket| !bucket.take()) {
            return message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        }
        let caller = match self.authorize(&matched, &head.headers) {
            Ok(caller) => caller,
            Err(refused) => return refuse(&refused),
        };
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let now = self.clock.now();
        let event = event::payload(&head, &path, &body, &matched, caller.as_ref(), &self.account_id, now);
        let mut invoke = Invoke::new(matched.route.function.as_str(), event.to_string());
        invoke.source = Some(format!("{} {}", head.method, head.uri.path()));
        let ran = match timeout(INTEGRATION_LIMIT, self.lambda.run(invoke)).await {
            Ok(Ok(invocation)) => invocation,
            Ok(Err(InvokeError::TooManyRequests)) | Err(_) => {
                return message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, function = matched.route.function, "integration failed");
                return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        };
        match ran.result {
            Ok(answer) => response::map(&answer.0),
            Err(error) if error.error_type == "Sandbox.Timedout" => {
                message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Err(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        }
    }
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let response = gateway.answer(request).await;
    match &gateway.cors {
        Some(cors) => cors::apply(cors, origin.as_ref(), preflight, response),
        None => response,
    }
}

fn refuse(refused: &Refused) -> Response {
    let (status, text) = match refused {
        Refused::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        Refused::Forbidden(_) => (StatusCode::FORBIDDEN, "Forbidden"),
    };
    ([(header::WWW_AUTHENTICATE, refused.challenge())], message(status, text)).into_response()
}

fn head_size(uri: &str, headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + uri.len()
}

#[cfg(test)]
mod tests;
