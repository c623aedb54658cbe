//! Pre authentication trigger: lets password sign-ins pass and counts them.

use std::sync::Arc;

use shared::{
    init,
    kernel::SystemClock,
    trigger::{PreAuthentication, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (policy, aws) = init(|environment| (environment.policy(), AwsSettings::read(environment)))?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    serve(PreAuthentication::new(policy.sign_in, table, Arc::new(SystemClock))).await
}
