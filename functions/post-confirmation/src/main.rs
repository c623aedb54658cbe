//! Post confirmation trigger: records a confirmed sign-up or a reset password.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, DeliverFunction, PoolAccounts, Table};
use mfa_core::{
    delivery::{MessageQueue, toll_fraud::GovernorSettings},
    init,
    kernel::SystemClock,
    sign_up::UniqueSettings,
    trigger::{PostConfirmation, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((governor, unique, welcomes, deliver, pool), aws) = init(|environment| {
        let welcomes = environment.policy().sign_up.welcome;
        let (governor, unique) = (GovernorSettings::read(environment), UniqueSettings::read(environment));
        let pool = environment.required("MFA_USER_POOL_ID");
        let settings = (governor, unique, welcomes, DeliverFunction::name(environment), pool);
        (settings, AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, clock) = (Arc::new(Table::new(&aws)), Arc::new(SystemClock));
    let governor = governor.governor(table.clone());
    let unique = unique.map(|unique| unique.addresses(table.clone()));
    let queue = welcomes.then(|| Arc::new(DeliverFunction::new(&aws, deliver)) as Arc<dyn MessageQueue>);
    let trigger = PostConfirmation::new(table.clone(), table.clone(), table, governor, unique, clock);
    serve(trigger.with_welcome(queue).with_device_reset(Arc::new(PoolAccounts::new(&aws, &pool)))).await
}
