//! Reconciles address claims with the pool's users, on a schedule.

use mfa_aws::{ReconcilerSettings, reconciler};
use mfa_core::{init, trigger::serve_reconciliation};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = init(ReconcilerSettings::read)?;
    serve_reconciliation(settings.map(reconciler).transpose()?).await
}
