use std::sync::Arc;

use serde_json::Value;

use super::shell::{guarded, serve_with};
use crate::{
    kernel::{PortError, Refusal},
    recovery::{RecoveryCommand, RecoveryReply, RecoveryService},
    telemetry,
};

/// Serves the requests of the public API until Lambda ends the process. This is not a trigger of a pool.
/// Without a service every recovery is refused.
pub async fn serve_recoveries(
    service: Option<Arc<dyn RecoveryService>>,
) -> Result<(), lambda_runtime::Error> {
    serve_with(move |invocation| {
        let service = service.clone();
        async move { decide(service.as_deref(), invocation.payload).await }
    })
    .await
}

/// Handles one command. After an error the caller retries, and Lambda retries a queued command.
pub async fn decide(service: Option<&dyn RecoveryService>, payload: Value) -> Result<Value, Refusal> {
    let Ok(command) = serde_json::from_value::<RecoveryCommand>(payload) else {
        tracing::error!("event is not a recovery command");
        return Err(Refusal::TemporarilyUnavailable);
    };
    let Some(service) = service else { return answer(&RecoveryReply::refused(Refusal::RecoveryClosed)) };
    tracing::info!(command = ?command, "recovery command");
    answer(&guarded(service.handle(&command)).await?)
}

fn answer(answered: &RecoveryReply) -> Result<Value, Refusal> {
    serde_json::to_value(answered).map_err(|fault| {
        telemetry::dependency_failed(&PortError::new("recovery.answer", fault));
        Refusal::TemporarilyUnavailable
    })
}
