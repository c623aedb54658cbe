//! Decides recoveries and acts on them. Only recovery-api may invoke it.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, RecoveryWorkerSettings, recovery};
use mfa_core::{init, recovery::RecoveryService, trigger::serve_recoveries};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (RecoveryWorkerSettings::read(environment), AwsSettings::read(environment)))?;
    let service =
        recovery(&Aws::new(aws)?, settings).map(|service| Arc::new(service) as Arc<dyn RecoveryService>);
    serve_recoveries(service).await
}
