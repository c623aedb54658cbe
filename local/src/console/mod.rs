//! The web console.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use local_lambda_host::{EventQueue, Timeline};
use local_user_pool::UserPools;
use serde_json::{Value, json};

use crate::endpoints::Endpoints;
use crate::outbox::Outbox;

#[derive(Debug)]
pub struct Console {
    endpoints: Endpoints,
    pools: Arc<UserPools>,
    outbox: Arc<Outbox>,
    timeline: Arc<Timeline>,
    queue: EventQueue,
}

impl Console {
    pub fn new(
        endpoints: Endpoints,
        pools: Arc<UserPools>,
        outbox: Arc<Outbox>,
        timeline: Arc<Timeline>,
        queue: EventQueue,
    ) -> Arc<Self> {
        Arc::new(Self {
            endpoints,
            pools,
            outbox,
            timeline,
            queue,
        })
    }

    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/api/endpoints", get(endpoints))
            .route("/api/users", get(users))
            .with_state(Arc::clone(self))
    }
}

async fn page(State(console): State<Arc<Console>>) -> Html<String> {
    let _ = (&console.outbox, &console.timeline, &console.queue);
    Html(format!(
        "<pre>{}</pre>",
        serde_json::to_string_pretty(&console.endpoints).unwrap_or_default()
    ))
}

async fn endpoints(State(console): State<Arc<Console>>) -> Json<Endpoints> {
    Json(console.endpoints.clone())
}

async fn users(State(console): State<Arc<Console>>) -> Json<Value> {
    let list = json!({ "UserPoolId": console.endpoints.user_pool_id });
    Json(console.pools.call("ListUsers", list).await.unwrap_or_default())
}
