//! Reconciles address claims with the pool's users, on a schedule.

use shared::{init, trigger::serve_reconciliation};
use shared_aws::{ReconcilerSettings, reconciler};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = init(ReconcilerSettings::read)?;
    serve_reconciliation(settings.map(reconciler).transpose()?).await
}
