//! Post confirmation trigger: keeps what a confirmed sign-up, or a reset password, means to us.

use std::sync::Arc;

use shared::{
    delivery::GovernorSettings,
    init,
    kernel::SystemClock,
    trigger::{PostConfirmation, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (governor, aws) =
        init(|environment| (GovernorSettings::read(environment), AwsSettings::read(environment)))?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    let governor = governor.governor(table.clone());
    serve(PostConfirmation::new(table.clone(), table.clone(), table, governor, Arc::new(SystemClock))).await
}
