//! Pre token generation trigger: the last gate before tokens.

use std::sync::Arc;

use shared::{
    custom_auth::{CustomAuthSettings, LastGate},
    init,
    kernel::SystemClock,
    trigger::{PreTokenGeneration, serve},
};
use shared_aws::{Aws, AwsSettings, Directory, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ((settings, pool), aws) = init(|environment| {
        let settings = CustomAuthSettings::read(environment);
        ((settings, environment.required("MFA_USER_POOL_ID")), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let (table, natives) = (Arc::new(Table::new(&aws)), Arc::new(Directory::new(&aws, &pool)));
    serve(PreTokenGeneration::new(LastGate::new(settings, table, natives, Arc::new(SystemClock)))).await
}
