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
    let (policy, aws, table) = init(|environment| {
        (
            environment.policy(),
            AwsSettings::read(environment),
            Table::name(environment),
        )
    })?;
    let table = Arc::new(Table::new(&Aws::new(aws)?, table));
    serve(PreAuthentication::new(
        policy.sign_in,
        table,
        Arc::new(SystemClock),
    ))
    .await
}
