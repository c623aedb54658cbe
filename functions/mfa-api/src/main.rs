//! MFA API: the signed-in user's own factors. No right on Cognito: every call there is the user's.

use std::sync::Arc;

use shared::{
    config::{self, process_environment},
    factors::Factors,
    http::{mfa_api, serve},
    kernel::{SystemClock, SystemEntropy},
    telemetry,
};
use shared_aws::{Aws, AwsSettings, Table, UserPool};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (level, policy, aws, table) = config::load(&process_environment, |environment| {
        let policy = environment.policy();
        (telemetry::log_level(environment), policy, AwsSettings::read(environment), Table::name(environment))
    })?;
    telemetry::start(level);
    let aws = Aws::new(aws)?;
    let (pool, table) = (Arc::new(UserPool::new(&aws)), Arc::new(Table::new(&aws, table)));
    let factors = Factors::new(pool, table, Arc::new(SystemClock), Arc::new(SystemEntropy), &policy);
    serve(mfa_api(Arc::new(factors))).await
}
