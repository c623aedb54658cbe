//! Pre authentication trigger: applies the operator's rules to password sign-ins, and counts attempts.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    config::RecoveryClient,
    init,
    kernel::SystemClock,
    sign_in::SignInSettings,
    trigger::{PreAuthentication, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (guard, rules, recovery, aws) = init(|environment| {
        let (guard, rules) = (SignInSettings::read(environment), mfa_rules::read(environment));
        (guard, rules, RecoveryClient::read(environment), AwsSettings::read(environment))
    })?;
    let guard = guard.guard(Arc::new(Table::new(&Aws::new(aws)?)));
    serve(PreAuthentication::new(guard, rules, Arc::new(SystemClock)).with_recovery_client(recovery)).await
}
