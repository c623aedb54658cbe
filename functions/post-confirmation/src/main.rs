//! Post confirmation trigger: keeps what a confirmed sign-up, or a reset password, means to us.

use std::sync::Arc;

use shared::{
    init,
    kernel::SystemClock,
    trigger::{PostConfirmation, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (aws, table) = init(|environment| (AwsSettings::read(environment), Table::name(environment)))?;
    let table = Arc::new(Table::new(&Aws::new(aws)?, table));
    serve(PostConfirmation::new(table.clone(), table, Arc::new(SystemClock))).await
}
