//! Define auth challenge trigger: decides the next step of a sign-in by custom challenges.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    custom_auth::{CustomAuthSettings, SignIns},
    init,
    kernel::SystemClock,
    trigger::{DefineAuthChallenge, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (CustomAuthSettings::read(environment), AwsSettings::read(environment)))?;
    let table = Arc::new(Table::new(&Aws::new(aws)?));
    serve(DefineAuthChallenge::new(SignIns::new(settings, table, Arc::new(SystemClock)))).await
}
