//! Recovery API: open to every caller, decides nothing. It has no permission on Cognito, and none on users'
//! items.

use mfa_aws::{Aws, AwsSettings, RecoveryApiSettings, recovery_front};
use mfa_core::{
    http::{Origin, recovery_api, serve},
    init,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, origin, aws) = init(|environment| {
        (RecoveryApiSettings::read(environment), Origin::read(environment), AwsSettings::read(environment))
    })?;
    serve(recovery_api(recovery_front(&Aws::new(aws)?, settings)), origin).await
}
