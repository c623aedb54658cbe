//! Post confirmation trigger: keeps what a confirmed sign-up, or a reset password, means to us.

use std::sync::Arc;

use shared::{
    delivery::GovernorSettings,
    init,
    kernel::SystemClock,
    sign_up::UniqueSettings,
    trigger::{PostConfirmation, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (governor, unique, aws) = init(|environment| {
        let governor = GovernorSettings::read(environment);
        (governor, UniqueSettings::read(environment), AwsSettings::read(environment))
    })?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    let governor = governor.governor(table.clone());
    let unique = unique.map(|unique| unique.addresses(table.clone()));
    let clock = Arc::new(SystemClock);
    serve(PostConfirmation::new(table.clone(), table.clone(), table, governor, unique, clock)).await
}
