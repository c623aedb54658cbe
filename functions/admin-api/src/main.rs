//! Admin API: administrators help users. The function serves only members of the policy's groups.

use std::sync::Arc;

use mfa_aws::{AdminSettings, Aws, AwsSettings, admin};
use mfa_core::{
    http::{Origin, admin_api, serve},
    init,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, origin, aws) = init(|environment| {
        (AdminSettings::read(environment), Origin::read(environment), AwsSettings::read(environment))
    })?;
    serve(admin_api(Arc::new(admin(&Aws::new(aws)?, settings))), origin).await
}
