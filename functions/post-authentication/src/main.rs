//! Post authentication trigger: notes completed sign-ins.

use std::sync::Arc;

use shared::{
    config::RecoveryClient,
    delivery::GovernorSettings,
    init,
    kernel::{SystemClock, SystemEntropy},
    trigger::{PostAuthentication, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (governor, recovery, aws) = init(|environment| {
        let governor = GovernorSettings::read(environment);
        (governor, RecoveryClient::read(environment), AwsSettings::read(environment))
    })?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    let governor = governor.governor(table.clone());
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let trigger = PostAuthentication::new(table.clone(), governor, table, clock, entropy);
    serve(trigger.sparing(recovery)).await
}
