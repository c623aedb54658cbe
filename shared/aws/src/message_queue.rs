use async_trait::async_trait;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use mfa_core::{
    config::Environment,
    delivery::{MessageQueue, OutboundMessage},
    kernel::PortError,
};

use crate::{Aws, aws::LazyClient, fault::port_error};

const OPERATION: &str = "lambda.Invoke";

/// Queues messages for the function `deliver` by asynchronous invocations. Lambda queues them, retries if the
/// function fails, and at last puts them into the dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeliverFunction {
    client: LazyClient<Client>,
    function: String,
}

impl DeliverFunction {
    /// Creates the queue. `function`: its name or ARN.
    pub fn new(aws: &Aws, function: String) -> Self {
        let mut config = aws_sdk_lambda::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.lambda.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), function }
    }

    /// Reads `MFA_DELIVER_FUNCTION`.
    pub fn name(environment: &mut Environment<'_>) -> String {
        environment.required("MFA_DELIVER_FUNCTION")
    }
}

#[async_trait]
impl MessageQueue for DeliverFunction {
    async fn enqueue(&self, message: &OutboundMessage) -> Result<(), PortError> {
        let payload = serde_json::to_vec(message).map_err(|fault| PortError::new(OPERATION, fault))?;
        let invoked = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        // Status 202 means accepted (Lambda, Invoke).
        if invoked.status_code() == 202 {
            return Ok(());
        }
        Err(PortError::new(OPERATION, format!("answered with {}", invoked.status_code())))
    }
}
