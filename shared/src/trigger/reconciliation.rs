use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::{
    kernel::{PortError, Refusal},
    sign_up::ClaimReconciler,
    telemetry::{self, Metric},
};

/// So long before Lambda's own deadline nothing new is begun: more than a page takes with a table and a pool
/// that answer at the end of their patience.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Serves the schedule until Lambda ends the process. No trigger of a pool's: what the event says is not
/// looked at. Without upkeep nothing is kept apart, and there is nothing to do.
pub async fn serve_reconciliation(reconciler: Option<ClaimReconciler>) -> Result<(), lambda_runtime::Error> {
    let reconciler = Arc::new(reconciler);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<Value>| {
        let reconciler = Arc::clone(&reconciler);
        async move {
            let context = invocation.context;
            let span = tracing::info_span!("invocation", request_id = context.request_id);
            let deadline = i64::try_from(context.deadline).ok();
            let deadline = deadline.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
            reconcile((*reconciler).as_ref(), deadline).instrument(span).await.map_err(|refusal| Diagnostic {
                error_type: refusal.code().into(),
                error_message: refusal.text().into(),
            })
        }
    }))
    .await
}

/// One run, which ends before `deadline`.
pub async fn reconcile(reconciler: Option<&ClaimReconciler>, deadline: Timestamp) -> Result<Value, Refusal> {
    let Some(reconciler) = reconciler else { return Ok(json!({ "standing": "off" })) };
    let until = deadline.saturating_sub(MARGIN).unwrap_or(deadline);
    match AssertUnwindSafe(reconciler.run(until)).catch_unwind().await {
        Ok(Ok(run)) => {
            tracing::info!(?run, "address claims reconciled");
            serde_json::to_value(run).map_err(|fault| {
                telemetry::dependency_failed(&PortError::new("claims.answer", fault));
                Refusal::TemporarilyUnavailable
            })
        }
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
