use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument;

use crate::{
    kernel::{PortError, Refusal},
    recovery::{RecoveryCommand, RecoveryReply, RecoveryService},
    telemetry::{self, Metric},
};

/// Serves the requests of the public API until Lambda ends the process. This is not a trigger of a pool.
/// Without a service every recovery is refused.
pub async fn serve_recoveries(
    service: Option<Arc<dyn RecoveryService>>,
) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<Value>| {
        let service = service.clone();
        async move {
            let span = tracing::info_span!("invocation", request_id = invocation.context.request_id);
            decide(service.as_deref(), invocation.payload).instrument(span).await.map_err(|refusal| {
                Diagnostic { error_type: refusal.code().into(), error_message: refusal.text().into() }
            })
        }
    }))
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
    match AssertUnwindSafe(service.handle(&command)).catch_unwind().await {
        Ok(Ok(answered)) => answer(&answered),
        Ok(Err(fault)) => {
            telemetry::dependency_failed(&fault);
            Err(Refusal::TemporarilyUnavailable)
        }
        // The panic hook has logged the place.
        Err(_) => {
            Metric::Panicked.emit();
            Err(Refusal::TemporarilyUnavailable)
        }
    }
}

fn answer(answered: &RecoveryReply) -> Result<Value, Refusal> {
    serde_json::to_value(answered).map_err(|fault| {
        telemetry::dependency_failed(&PortError::new("recovery.answer", fault));
        Refusal::TemporarilyUnavailable
    })
}
