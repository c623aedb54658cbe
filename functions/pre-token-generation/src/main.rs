//! Pre token generation trigger: the token gate, the last check before tokens.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, Directory, Table};
use mfa_core::{
    config::RecoveryClient,
    custom_auth::{CustomAuthSettings, token_gate::TokenGate},
    init,
    kernel::SystemClock,
    trigger::{PreTokenGeneration, SignInRecorder, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, pool, recovery, policy), aws) = init(|environment| {
        let (settings, recovery) = (CustomAuthSettings::read(environment), RecoveryClient::read(environment));
        let (pool, policy) = (environment.required("MFA_USER_POOL_ID"), environment.policy());
        ((settings, pool, recovery, policy), AwsSettings::read(environment))
    })?;
    let (aws, clock) = (Aws::new(aws)?, Arc::new(SystemClock));
    let (table, natives) = (Arc::new(Table::new(&aws)), Arc::new(Directory::new(&aws, &pool)));
    let gate = TokenGate::new(settings, table.clone(), table.clone(), natives, clock.clone())
        .with_recovery_client(recovery);
    let recorder = SignInRecorder::new(policy.admin.groups, table, clock);
    serve(PreTokenGeneration::new(gate, policy.tokens, recorder)).await
}
