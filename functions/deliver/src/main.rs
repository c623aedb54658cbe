//! Sends the messages that our other functions enqueue: notices, and codes of custom challenges.

use mfa_aws::{Aws, AwsSettings, DeliverSettings, deliver};
use mfa_core::{init, trigger::serve_outbound_messages};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (DeliverSettings::read(environment), AwsSettings::read(environment)))?;
    serve_outbound_messages(deliver(&Aws::new(aws)?, &settings)).await
}
