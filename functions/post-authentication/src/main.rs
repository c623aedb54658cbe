//! Post authentication trigger: notes completed sign-ins.

use std::sync::Arc;

use shared::{
    delivery::GovernorSettings,
    init,
    kernel::{SystemClock, SystemEntropy},
    trigger::{PostAuthentication, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (governor, aws) =
        init(|environment| (GovernorSettings::read(environment), AwsSettings::read(environment)))?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    let governor = governor.governor(table.clone());
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    serve(PostAuthentication::new(table.clone(), governor, table, clock, entropy)).await
}
