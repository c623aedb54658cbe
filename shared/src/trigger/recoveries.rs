use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument;

use crate::{
    kernel::{PortError, Refusal},
    recovery::{Answer, Ask, Desk},
    telemetry::{self, Metric},
};

/// Serves what the public API asks until Lambda ends the process. No trigger of a pool's. Without a desk
/// every recovery is refused.
pub async fn serve_recoveries(desk: Option<Arc<dyn Desk>>) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<Value>| {
        let desk = desk.clone();
        async move {
            let span = tracing::info_span!("invocation", request_id = invocation.context.request_id);
            decide(desk.as_deref(), invocation.payload).instrument(span).await.map_err(|refusal| Diagnostic {
                error_type: refusal.code().into(),
                error_message: refusal.text().into(),
            })
        }
    }))
    .await
}

/// Answers one question. An error makes whoever asked try again, and Lambda what was queued.
pub async fn decide(desk: Option<&dyn Desk>, payload: Value) -> Result<Value, Refusal> {
    let Ok(ask) = serde_json::from_value::<Ask>(payload) else {
        tracing::error!("event is not a recovery command");
        return Err(Refusal::TemporarilyUnavailable);
    };
    let Some(desk) = desk else { return answer(&Answer::refused(Refusal::RecoveryClosed)) };
    tracing::info!(ask = ?ask, "recovery command");
    match AssertUnwindSafe(desk.ask(&ask)).catch_unwind().await {
        Ok(Ok(answered)) => answer(&answered),
        Ok(Err(fault)) => {
            telemetry::dependency_failed(&fault);
            Err(Refusal::TemporarilyUnavailable)
        }
        // The panic hook has logged where.
        Err(_) => {
            Metric::Panicked.emit();
            Err(Refusal::TemporarilyUnavailable)
        }
    }
}

fn answer(answered: &Answer) -> Result<Value, Refusal> {
    serde_json::to_value(answered).map_err(|fault| {
        telemetry::dependency_failed(&PortError::new("recovery.answer", fault));
        Refusal::TemporarilyUnavailable
    })
}
