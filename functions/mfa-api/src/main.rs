//! MFA API: the signed-in user's own factors. The function has no permission on Cognito: it makes every call
//! there with the user's token.

use mfa_aws::{Aws, AwsSettings, MfaSettings, mfa_services};
use mfa_core::{
    http::{Origin, mfa_api, serve},
    init,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, origin, aws) = init(|environment| {
        (MfaSettings::read(environment), Origin::read(environment), AwsSettings::read(environment))
    })?;
    serve(mfa_api(mfa_services(&Aws::new(aws)?, settings)), origin).await
}
