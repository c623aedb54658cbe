//! Pre token generation trigger: the last gate before tokens.

use std::sync::Arc;

use shared::{
    config::RecoveryClient,
    custom_auth::{CustomAuthSettings, LastGate},
    init,
    kernel::SystemClock,
    trigger::{PreTokenGeneration, serve},
};
use shared_aws::{Aws, AwsSettings, Directory, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, pool, recovery, tokens), aws) = init(|environment| {
        let (settings, recovery) = (CustomAuthSettings::read(environment), RecoveryClient::read(environment));
        let (pool, tokens) = (environment.required("MFA_USER_POOL_ID"), environment.policy().tokens);
        ((settings, pool, recovery, tokens), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, natives) = (Arc::new(Table::new(&aws)), Arc::new(Directory::new(&aws, &pool)));
    let gate = LastGate::new(settings, table, natives, Arc::new(SystemClock));
    serve(PreTokenGeneration::new(gate.closed_to(recovery), tokens)).await
}
