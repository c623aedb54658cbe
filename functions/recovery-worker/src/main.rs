//! Decides recoveries and acts on them. Only recovery-api may invoke it.

use std::sync::Arc;

use shared::{init, recovery::Desk, trigger::serve_recoveries};
use shared_aws::{Aws, AwsSettings, RecoveryWorkerSettings, recovery};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (RecoveryWorkerSettings::read(environment), AwsSettings::read(environment)))?;
    let desk = recovery(&Aws::new(aws)?, settings).map(|desk| Arc::new(desk) as Arc<dyn Desk>);
    serve_recoveries(desk).await
}
