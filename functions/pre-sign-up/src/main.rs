//! Pre sign-up trigger: decides who may sign up. It has AWS clients only where the policy wants addresses
//! unique or accounts linked.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, PoolLinks, Table};
use mfa_core::{
    delivery::toll_fraud::NumberRules,
    init,
    kernel::SystemClock,
    sign_up::{Linking, UniqueSettings},
    trigger::{PreSignUp, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (policy, numbers, rules, unique, aws) = init(|environment| {
        let (unique, policy) = (UniqueSettings::read(environment), environment.policy());
        let numbers = NumberRules::read(&policy, environment);
        let calls = unique.is_some() || !policy.sign_up.link_providers.is_empty();
        let aws = calls.then(|| AwsSettings::read(environment));
        (policy.sign_up, numbers, mfa_rules::read(environment), unique, aws)
    })?;
    let (providers, aws) = (policy.link_providers.clone(), aws.map(Aws::new).transpose()?);
    let addresses = |aws| unique.map(|unique| unique.addresses(Arc::new(Table::new(aws))));
    let unique = aws.as_ref().and_then(addresses);
    let trigger = PreSignUp::new(policy, rules, unique, Arc::new(SystemClock)).with_number_rules(numbers);
    let Some(aws) = aws else { return serve(trigger).await };
    serve(trigger.with_linking(Linking::new(providers, Arc::new(PoolLinks::new(&aws))))).await
}
