use async_trait::async_trait;
use aws_sdk_pinpointsmsvoicev2::{
    Client,
    error::SdkError,
    operation::send_text_message::SendTextMessageError,
    types::{ConflictExceptionReason, MessageType, ValidationExceptionReason, error::ValidationException},
};
use mfa_core::delivery::provider_chain::{Provider, ProviderFault, Sms};

use super::{SmsSettings, is_taken, single_try};
use crate::{Aws, aws::LazyClient, fault::port_error};

const OPERATION: &str = "sms-voice.SendTextMessage";

/// Sends text messages by AWS End User Messaging SMS.
#[derive(Debug, Clone)]
pub struct EndUserMessaging {
    client: LazyClient<Client>,
    settings: SmsSettings,
}

impl EndUserMessaging {
    pub(super) const NAME: &str = "end-user-messaging";

    pub fn new(aws: &Aws, settings: SmsSettings) -> Self {
        let (retries, timeouts) = single_try();
        let mut config = aws_sdk_pinpointsmsvoicev2::config::Builder::from(&aws.config)
            .retry_config(retries)
            .timeout_config(timeouts);
        config.set_endpoint_url(aws.settings.endpoints.end_user_messaging.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), settings }
    }
}

#[async_trait]
impl Provider<Sms> for EndUserMessaging {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn send(&self, message: &Sms) -> Result<(), ProviderFault> {
        // The service accepts 5 s to 72 h.
        let life = message.time_to_live.as_secs().clamp(5, 259_200);
        let sender = message.sender_id.clone().or_else(|| self.settings.origination_identity.clone());
        let call = self
            .client
            .send_text_message()
            .destination_phone_number(message.to.expose())
            .message_body(message.text.expose())
            .message_type(MessageType::Transactional)
            .set_origination_identity(sender)
            .set_configuration_set_name(self.settings.configuration_set.clone())
            .set_time_to_live(i32::try_from(life).ok());
        match call.send().await {
            Err(fault) if !is_taken(&fault) => Err(provider_fault(fault)),
            _ => Ok(()),
        }
    }
}

fn provider_fault(fault: SdkError<SendTextMessageError>) -> ProviderFault {
    match fault.as_service_error() {
        Some(SendTextMessageError::ThrottlingException(_)) => ProviderFault::Throttled,
        Some(SendTextMessageError::ConflictException(conflict)) => match conflict.reason() {
            Some(ConflictExceptionReason::DestinationPhoneNumberOptedOut) => ProviderFault::OptedOut,
            // The account's own protection refused. Another provider must not bypass it.
            Some(
                ConflictExceptionReason::DestinationCountryBlockedByProtectConfiguration
                | ConflictExceptionReason::DestinationPhoneNumberBlockedByProtectNumberOverride,
            ) => ProviderFault::AddressRejected,
            _ => port_error(OPERATION)(fault).into(),
        },
        Some(SendTextMessageError::ValidationException(refusal)) if is_about_the_number(refusal) => {
            ProviderFault::AddressRejected
        }
        _ => port_error(OPERATION)(fault).into(),
    }
}

fn is_about_the_number(refusal: &ValidationException) -> bool {
    refusal.reason() == Some(&ValidationExceptionReason::DestinationCountryBlocked)
        || refusal.fields().iter().any(|field| field.name() == "DestinationPhoneNumber")
}
