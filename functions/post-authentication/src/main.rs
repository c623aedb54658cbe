//! Post authentication trigger: notes completed sign-ins.

use std::sync::Arc;

use shared::{
    init,
    kernel::SystemClock,
    trigger::{PostAuthentication, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = Aws::new(init(AwsSettings::read)?)?;
    let table = Arc::new(Table::new(&aws));
    serve(PostAuthentication::new(table, Arc::new(SystemClock))).await
}
