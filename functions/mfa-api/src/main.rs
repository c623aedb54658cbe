//! MFA API: the signed-in user's own factors. No right on Cognito: every call there is the user's.

use std::sync::Arc;

use shared::{
    factors::Factors,
    http::{mfa_api, serve},
    init,
    kernel::{SystemClock, SystemEntropy},
};
use shared_aws::{Aws, AwsSettings, Table, UserPool};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (policy, aws) = init(|environment| (environment.policy(), AwsSettings::read(environment)))?;
    let aws = Aws::new(aws)?;
    let (pool, table) = (Arc::new(UserPool::new(&aws)), Arc::new(Table::new(&aws)));
    let factors = Factors::new(pool, table, Arc::new(SystemClock), Arc::new(SystemEntropy), &policy);
    serve(mfa_api(Arc::new(factors))).await
}
