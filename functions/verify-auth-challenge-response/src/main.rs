//! Verify auth challenge response trigger: checks the answers to custom challenges.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, DeliverFunction, SeedKey, SeedSettings, Table};
use mfa_core::{
    custom_auth::{AnswerVerifier, CustomAuthSettings, SignInEnrolment, SignIns},
    init,
    kernel::SystemClock,
    trigger::{VerifyAuthChallengeResponse, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, key, seeds, deliver), aws) = init(|environment| {
        let (settings, key) = (CustomAuthSettings::read(environment), environment.challenge_key());
        let (seeds, deliver) = (SeedSettings::read(environment), DeliverFunction::name(environment));
        ((settings, key, seeds, deliver), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, seeds) = (Arc::new(Table::new(&aws)), Arc::new(SeedKey::new(&aws, seeds)));
    let enrolments = SignInEnrolment::new(table.clone(), Arc::new(DeliverFunction::new(&aws, deliver)));
    let sign_ins = SignIns::new(settings, table, Arc::new(SystemClock));
    serve(VerifyAuthChallengeResponse::new(AnswerVerifier::new(sign_ins, seeds, key, enrolments))).await
}
