//! Pre authentication trigger: lets password sign-ins pass and counts them.

use std::sync::Arc;

use shared::{
    config::{self, process_environment},
    kernel::SystemClock,
    telemetry,
    trigger::{PreAuthentication, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (level, policy, aws, table) = config::load(&process_environment, |environment| {
        let policy = environment.policy();
        (telemetry::log_level(environment), policy, AwsSettings::read(environment), Table::name(environment))
    })?;
    telemetry::start(level);
    let table = Arc::new(Table::new(&Aws::new(aws)?, table));
    serve(PreAuthentication::new(policy.sign_in, table, Arc::new(SystemClock))).await
}
