//! Pre sign-up trigger: decides who may sign up. An AWS client only where policy wants addresses unique.

use std::sync::Arc;

use shared::{
    init,
    kernel::SystemClock,
    sign_up::UniqueSettings,
    trigger::{PreSignUp, serve},
};
use shared_aws::{Aws, AwsSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (policy, rules, unique) = init(|environment| {
        let unique = UniqueSettings::read(environment);
        let unique = unique.map(|unique| (unique, AwsSettings::read(environment)));
        (environment.policy().sign_up, shared_rules::read(environment), unique)
    })?;
    let unique = match unique {
        Some((unique, aws)) => Some(unique.addresses(Arc::new(Table::new(&Aws::new(aws)?)))),
        None => None,
    };
    serve(PreSignUp::new(policy, rules, unique, Arc::new(SystemClock))).await
}
