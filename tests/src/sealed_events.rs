use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Cloud;

const SENDER: &str = "custom-sms-sender";

/// Replaces all functions of the local cloud: returns each trigger's event, and keeps the events of the
/// custom SMS sender.
#[derive(Debug)]
pub struct SealedEvents {
    /// The value for `--lambda-endpoint` of the cloud whose pool seals.
    pub endpoint: String,
    events: UnboundedReceiver<Value>,
    phone_numbers: std::ops::Range<u32>,
}

impl SealedEvents {
    pub async fn listen() -> Result<Self> {
        let (to_keep, events) = unbounded_channel();
        let router =
            Router::new().route("/2015-03-31/functions/{name}/invocations", post(answer)).with_state(to_keep);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, events, phone_numbers: 0..10_000 })
    }

    /// Returns the events of `count` new users.
    pub async fn draw(&mut self, cloud: &Cloud, count: usize) -> Result<Vec<Value>> {
        let mut drawn = Vec::new();
        for number in self.phone_numbers.by_ref().take(count) {
            cloud.sign_up(&format!("+1206555{number:04}")).await?;
            drawn.push(self.events.recv().await.context("no event came")?);
        }
        ensure!(drawn.len() == count, "no phone numbers left: take fewer rounds");
        Ok(drawn)
    }

    /// Returns the event of another code for the same user.
    pub async fn resend(&mut self, cloud: &Cloud, event: &Value) -> Result<Value> {
        let again = json!({ "ClientId": cloud.client("native")?, "Username": event.get("userName") });
        cloud.cognito("ResendConfirmationCode", again).await?;
        self.events.recv().await.context("no event came")
    }
}

/// Returns a folder for `MFA_CONFIG_DIR` whose policy counts each code and refuses none.
pub fn roomy_policy() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("policy.toml"), include_str!("roomy.toml"))?;
    Ok(folder)
}

async fn answer(
    State(to_keep): State<UnboundedSender<Value>>,
    Path(function): Path<String>,
    Json(event): Json<Value>,
) -> Json<Value> {
    if function == SENDER {
        // At the end of the run the receiver is gone.
        let _kept = to_keep.send(event.clone());
    }
    Json(event)
}
