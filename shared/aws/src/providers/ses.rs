use async_trait::async_trait;
use aws_sdk_sesv2::{
    Client,
    error::{BuildError, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message},
};
use mfa_core::{
    delivery::provider_chain::{Email, Provider, ProviderFault},
    kernel::PortError,
};

use super::{EmailSettings, is_taken, single_try};
use crate::{Aws, aws::LazyClient, fault::port_error};

const OPERATION: &str = "ses.SendEmail";

/// Sends e-mails by Amazon SES.
#[derive(Debug, Clone)]
pub struct Ses {
    client: LazyClient<Client>,
    settings: EmailSettings,
}

impl Ses {
    pub(super) const NAME: &str = "ses";

    pub fn new(aws: &Aws, settings: EmailSettings) -> Self {
        let (retries, timeouts) = single_try();
        let mut config =
            aws_sdk_sesv2::config::Builder::from(&aws.config).retry_config(retries).timeout_config(timeouts);
        config.set_endpoint_url(aws.settings.endpoints.ses.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), settings }
    }
}

#[async_trait]
impl Provider<Email> for Ses {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn send(&self, message: &Email) -> Result<(), ProviderFault> {
        let content = content(message).map_err(|fault| PortError::new(OPERATION, fault))?;
        let call = self
            .client
            .send_email()
            .set_from_email_address(self.settings.from.as_ref().map(|from| from.header().to_owned()))
            .destination(Destination::builder().to_addresses(message.to.expose()).build())
            .content(content)
            .set_configuration_set_name(self.settings.configuration_set.clone());
        match call.send().await {
            Err(fault) if !is_taken(&fault) => Err(provider_fault(fault)),
            _ => Ok(()),
        }
    }
}

fn content(message: &Email) -> Result<EmailContent, BuildError> {
    let part = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder().text(part(&message.text.text)?).html(part(&message.text.html)?).build();
    let simple = Message::builder().subject(part(&message.text.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(simple).build())
}

fn provider_fault(fault: SdkError<SendEmailError>) -> ProviderFault {
    match fault.as_service_error() {
        Some(SendEmailError::TooManyRequestsException(_) | SendEmailError::LimitExceededException(_)) => {
            ProviderFault::Throttled
        }
        // Message and sender are well formed, so the fault is in the recipient's address.
        Some(SendEmailError::BadRequestException(_)) => ProviderFault::AddressRejected,
        _ if fault
            .as_service_error()
            .is_some_and(|error| error.meta().code() == Some("ThrottlingException")) =>
        {
            ProviderFault::Throttled
        }
        _ => port_error(OPERATION)(fault).into(),
    }
}
