//! Verify auth challenge response trigger: judges the answers to custom challenges.

use std::sync::Arc;

use shared::{
    custom_auth::{CustomAuthSettings, SignIns, Verifier},
    init,
    kernel::SystemClock,
    trigger::{VerifyAuthChallengeResponse, serve},
};
use shared_aws::{Aws, AwsSettings, SeedKey, SeedSettings, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, key, seeds), aws) = init(|environment| {
        let settings = CustomAuthSettings::read(environment);
        let key = environment.challenge_key();
        ((settings, key, SeedSettings::read(environment)), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, seeds) = (Arc::new(Table::new(&aws)), Arc::new(SeedKey::new(&aws, seeds)));
    let sign_ins = SignIns::new(settings, table, Arc::new(SystemClock));
    serve(VerifyAuthChallengeResponse::new(Verifier::new(sign_ins, seeds, key))).await
}
