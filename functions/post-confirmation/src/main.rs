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
    let aws = Aws::new(init(AwsSettings::read)?)?;
    let table = Arc::new(Table::new(&aws));
    serve(PostConfirmation::new(table.clone(), table, Arc::new(SystemClock))).await
}
