//! The services that bring messages to users. Here every message ends in the outbox.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::outbox::Outbox;

pub fn sns(_outbox: Arc<Outbox>) -> Router {
    Router::new().fallback(not_built)
}

pub fn sms(_outbox: Arc<Outbox>) -> Router {
    Router::new().fallback(not_built)
}

pub fn ses(_outbox: Arc<Outbox>) -> Router {
    Router::new().fallback(not_built)
}

async fn not_built() -> Response {
    (StatusCode::NOT_IMPLEMENTED, "not built in the local cloud\n").into_response()
}
