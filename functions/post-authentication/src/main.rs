//! Post authentication trigger: records completed sign-ins.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, DeliverFunction, Table};
use mfa_core::{
    config::RecoveryClient,
    delivery::{MessageQueue, toll_fraud::GovernorSettings},
    init,
    kernel::{SystemClock, SystemEntropy},
    trigger::{PostAuthentication, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((governor, recovery, tells, deliver), aws) = init(|environment| {
        let tells = environment.policy().sign_in.new_device_notice;
        let (governor, recovery) = (GovernorSettings::read(environment), RecoveryClient::read(environment));
        let settings = (governor, recovery, tells, DeliverFunction::name(environment));
        (settings, AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let table = Arc::new(Table::new(&aws));
    let governor = governor.governor(table.clone());
    let queue = tells.then(|| Arc::new(DeliverFunction::new(&aws, deliver)) as Arc<dyn MessageQueue>);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let trigger = PostAuthentication::new(table.clone(), governor, table, queue, clock, entropy);
    serve(trigger.with_recovery_client(recovery)).await
}
