use async_trait::async_trait;
use aws_sdk_sns::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::publish::PublishError,
    types::MessageAttributeValue,
};
use mfa_core::{
    delivery::provider_chain::{Provider, ProviderFault, Sms},
    kernel::PortError,
};

use super::{SmsSettings, is_taken, single_try};
use crate::{Aws, aws::LazyClient, fault::port_error};

const OPERATION: &str = "sns.Publish";

/// Sends text messages by Amazon SNS, which publishes to a phone number.
#[derive(Debug, Clone)]
pub struct Sns {
    client: LazyClient<Client>,
    settings: SmsSettings,
}

impl Sns {
    pub(super) const NAME: &str = "sns";

    pub fn new(aws: &Aws, settings: SmsSettings) -> Self {
        let (retries, timeouts) = single_try();
        let mut config =
            aws_sdk_sns::config::Builder::from(&aws.config).retry_config(retries).timeout_config(timeouts);
        config.set_endpoint_url(aws.settings.endpoints.sns.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), settings }
    }
}

#[async_trait]
impl Provider<Sms> for Sns {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn send(&self, message: &Sms) -> Result<(), ProviderFault> {
        let mut call = self
            .client
            .publish()
            .phone_number(message.to.expose())
            .message(message.text.expose())
            .message_attributes("AWS.SNS.SMS.SMSType", text("Transactional")?);
        if let Some(sender) = &message.sender_id {
            call = call.message_attributes("AWS.SNS.SMS.SenderID", text(sender)?);
        }
        // SNS accepts a number here. A pool or a sender id belongs to End User Messaging.
        if let Some(number) = self.settings.origination_identity.as_deref().filter(|id| id.starts_with('+')) {
            call = call.message_attributes("AWS.MM.SMS.OriginationNumber", text(number)?);
        }
        match call.send().await {
            Err(fault) if !is_taken(&fault) => Err(provider_fault(fault)),
            _ => Ok(()),
        }
    }
}

fn provider_fault(fault: SdkError<PublishError>) -> ProviderFault {
    match fault.code() {
        Some("Throttling" | "ThrottlingException" | "Throttled") => ProviderFault::Throttled,
        Some("OptedOut" | "OptedOutException") => ProviderFault::OptedOut,
        Some("InvalidParameter" | "InvalidParameterException")
            if fault.message().is_some_and(|text| text.contains("PhoneNumber")) =>
        {
            ProviderFault::AddressRejected
        }
        _ => port_error(OPERATION)(fault).into(),
    }
}

fn text(value: &str) -> Result<MessageAttributeValue, PortError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|fault| PortError::new(OPERATION, fault))
}
