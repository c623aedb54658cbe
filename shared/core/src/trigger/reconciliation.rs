use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::shell::{guarded, serve_with};
use crate::{
    kernel::{PortError, Refusal},
    sign_up::claim_reconciler::{ClaimReconciler, PassStart, PassStatus, RunOutcome},
    telemetry::{self, Metric},
};

/// Time before Lambda's deadline in which nothing new begins. It exceeds the time of one page with the
/// slowest table and pool that still answer.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Serves the schedule until Lambda ends the process. This is not a trigger of a pool, and it ignores the
/// content of the event. Without a reconciler the policy keeps no addresses unique, and there is nothing to
/// do.
pub async fn serve_reconciliation(reconciler: Option<ClaimReconciler>) -> Result<(), lambda_runtime::Error> {
    let reconciler = Arc::new(reconciler);
    serve_with(move |invocation| {
        let reconciler = Arc::clone(&reconciler);
        async move {
            let deadline = i64::try_from(invocation.context.deadline).ok();
            let deadline = deadline.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
            reconcile((*reconciler).as_ref(), deadline).await
        }
    })
    .await
}

/// Makes one run, which ends before `deadline`.
pub async fn reconcile(reconciler: Option<&ClaimReconciler>, deadline: Timestamp) -> Result<Value, Refusal> {
    let Some(reconciler) = reconciler else { return Ok(json!({ "status": "off" })) };
    let until = deadline.saturating_sub(MARGIN).unwrap_or(deadline);
    let run = guarded(reconciler.run(PassStart::WhenDue, until, &())).await?;
    tracing::info!(?run, "address claims reconciled");
    if run.status == PassStatus::Finished {
        emit(run);
    }
    serde_json::to_value(run).map_err(|fault| {
        telemetry::dependency_failed(&PortError::new("claims.answer", fault));
        Refusal::TemporarilyUnavailable
    })
}

fn emit(RunOutcome { done, .. }: RunOutcome) {
    let counts = [done.users, done.made, done.freed, done.conflicts].map(|count| count.to_string());
    let [users, made, freed, conflicts] = &counts;
    let facts = [("users", users.as_str()), ("made", made), ("freed", freed), ("conflicts", conflicts)];
    Metric::ClaimsReconciled.emit_with(&facts);
}
