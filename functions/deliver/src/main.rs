//! Sends the messages that our other functions enqueue: notices, and codes of custom challenges.

use shared::{init, trigger::serve_outbound_messages};
use shared_aws::{Aws, AwsSettings, DeliverSettings, deliver};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, aws) =
        init(|environment| (DeliverSettings::read(environment), AwsSettings::read(environment)))?;
    serve_outbound_messages(deliver(&Aws::new(aws)?, &settings)).await
}
