//! Recovery API: open to everybody, decides nothing. No right on Cognito, and none on users' items.

use shared::{
    http::{recovery_api, serve},
    init,
};
use shared_aws::{Aws, AwsSettings, RecoveryApiSettings, recovery_front};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (RecoveryApiSettings::read(environment), AwsSettings::read(environment)))?;
    serve(recovery_api(recovery_front(&Aws::new(aws)?, settings))).await
}
