//! Create auth challenge trigger: makes custom challenges and enqueues their codes.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, DeliverFunction, Table};
use mfa_core::{
    custom_auth::{ChallengeCreator, CustomAuthSettings, SignIns},
    init,
    kernel::{SystemClock, SystemEntropy},
    trigger::{CreateAuthChallenge, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, key, deliver, totp), aws) = init(|environment| {
        let settings = CustomAuthSettings::read(environment);
        let (key, deliver) = (environment.challenge_key(), DeliverFunction::name(environment));
        ((settings, key, deliver, environment.policy().totp), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, queue) = (Arc::new(Table::new(&aws)), Arc::new(DeliverFunction::new(&aws, deliver)));
    let sign_ins = SignIns::new(settings, table, Arc::new(SystemClock));
    let creator = ChallengeCreator::new(sign_ins, queue, Arc::new(SystemEntropy), key, &totp.issuer);
    serve(CreateAuthChallenge::new(creator)).await
}
