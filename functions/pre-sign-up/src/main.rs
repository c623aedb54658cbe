//! Pre sign-up trigger: decides who may sign up. It has AWS clients only where the policy wants addresses
//! unique or accounts linked.

use std::sync::Arc;

use shared::{
    init,
    kernel::SystemClock,
    sign_up::{Linking, UniqueSettings},
    trigger::{PreSignUp, serve},
};
use shared_aws::{Aws, AwsSettings, PoolLinks, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (policy, rules, unique, aws) = init(|environment| {
        let (unique, policy) = (UniqueSettings::read(environment), environment.policy().sign_up);
        let calls = unique.is_some() || !policy.link_providers.is_empty();
        let aws = calls.then(|| AwsSettings::read(environment));
        (policy, shared_rules::read(environment), unique, aws)
    })?;
    let (providers, clock) = (policy.link_providers.clone(), Arc::new(SystemClock));
    let Some(aws) = aws.map(Aws::new).transpose()? else {
        return serve(PreSignUp::new(policy, rules, None, clock)).await;
    };
    let unique = unique.map(|unique| unique.addresses(Arc::new(Table::new(&aws))));
    let linking = Linking::new(providers, Arc::new(PoolLinks::new(&aws)));
    serve(PreSignUp::new(policy, rules, unique, clock).with_linking(linking)).await
}
