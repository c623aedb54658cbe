//! The web console: one page without a build step, and what it asks for. Beside it the demo app.

mod demo;
mod live;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use local_lambda_host::{EventQueue, Timeline};
use local_user_pool::{FederatedSignIn, Switches, UserPools};
use serde_json::{Value, json};

use crate::args::SignInWith;
use crate::calls::Calls;
use crate::endpoints::Endpoints;
use crate::faults::{Fault, Faults};
use crate::listeners::Service;
use crate::outbox::Outbox;

/// What the console shows and switches.
#[derive(Debug)]
pub struct Console {
    pub endpoints: Endpoints,
    pub sign_in_with: SignInWith,
    /// Names of the deployed functions.
    pub functions: BTreeSet<String>,
    pub pools: Arc<UserPools>,
    pub outbox: Arc<Outbox>,
    pub timeline: Arc<Timeline>,
    pub queue: EventQueue,
    pub faults: Arc<Faults>,
    pub calls: Arc<Calls>,
}

impl Console {
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", get(asset("text/html; charset=utf-8", include_str!("page.html"))))
            .route("/console.css", get(asset("text/css; charset=utf-8", include_str!("console.css"))))
            .route("/console.js", get(asset("text/javascript; charset=utf-8", include_str!("console.js"))))
            .route("/dom.js", get(asset("text/javascript; charset=utf-8", include_str!("dom.js"))))
            .merge(demo::router(&self.endpoints))
            .route("/api/overview", get(overview))
            .route("/api/users", get(users::list))
            .route("/api/invocations", get(live::invocations))
            .route("/api/invocations/{number}", get(live::invocation))
            .route("/api/dead-letters", get(live::dead_letters))
            .route("/api/live", get(live::stream))
            .route("/api/calls", get(calls))
            .route("/api/faults/{target}", put(set_fault))
            .route("/api/switches", put(set_switches))
            .route("/api/federated-sign-ins", post(federated_sign_in))
            .layer(from_fn(own_content_only))
            .with_state(Arc::clone(self))
    }
}

fn asset(
    content_type: &'static str,
    content: &'static str,
) -> impl Fn() -> std::future::Ready<Response> + Clone + Send + Sync + 'static {
    move || std::future::ready(([(header::CONTENT_TYPE, content_type)], content).into_response())
}

/// Names and texts of users are shown here; none of them may become script.
async fn own_content_only(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ));
    for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Everything but users, messages and invocations. Client secrets stay in the endpoints file.
async fn overview(State(console): State<Arc<Console>>) -> Json<Value> {
    let mut endpoints = console.endpoints.clone();
    endpoints.clients.server.secret = None;
    let services = Service::ALL.map(Service::name);
    Json(json!({
        "endpoints": endpoints,
        "signInWith": console.sign_in_with,
        "functions": console.functions,
        "services": services.iter().filter(|name| **name != Service::Console.name()).collect::<Vec<_>>(),
        "faults": console.faults.all(),
        "switches": console.pools.switches(),
    }))
}

/// Which actions each function's role was used for.
async fn calls(State(console): State<Arc<Console>>) -> impl IntoResponse {
    Json(console.calls.seen())
}

async fn set_fault(
    State(console): State<Arc<Console>>,
    Path(target): Path<String>,
    Json(fault): Json<Fault>,
) -> StatusCode {
    let is_service = Service::ALL.iter().any(|service| service.name() == target);
    if !is_service && !console.functions.contains(&target) {
        return StatusCode::NOT_FOUND;
    }
    console.faults.set(&target, fault);
    StatusCode::NO_CONTENT
}

async fn set_switches(
    State(console): State<Arc<Console>>,
    Json(switches): Json<Switches>,
) -> impl IntoResponse {
    console.pools.set_switches(switches);
    StatusCode::NO_CONTENT
}

/// Simulates a browser that returns from a provider to the pool's domain.
async fn federated_sign_in(
    State(console): State<Arc<Console>>,
    Json(told): Json<FederatedSignIn>,
) -> impl IntoResponse {
    match console.pools.federated_sign_in(told).await {
        Ok(tokens) => (StatusCode::OK, Json(tokens)),
        Err(fault) => (StatusCode::BAD_REQUEST, Json(json!({ "error": fault.message }))),
    }
}
