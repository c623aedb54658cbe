use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use shared::delivery::{Provider, ProviderFault, Sms};

use super::SmsSettings;
use crate::{
    Aws,
    json_protocol::{CallFault, JsonClient, RetryPolicy, Service},
};

const OPERATION: &str = "sms-voice.SendTextMessage";

/// Sends text messages by AWS End User Messaging SMS.
#[derive(Debug, Clone)]
pub struct EndUserMessaging {
    client: JsonClient,
    settings: SmsSettings,
}

/// Input of `SendTextMessage` (AWS End User Messaging SMS API Reference).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    destination_phone_number: &'a str,
    message_body: &'a str,
    message_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origination_identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
    /// Time to live in seconds.
    time_to_live: u64,
}

impl EndUserMessaging {
    pub(super) const NAME: &str = "end-user-messaging";

    pub fn new(aws: &Aws, settings: SmsSettings) -> Self {
        let client = aws.json_client(Service::SMS, aws.settings.endpoints.end_user_messaging.as_deref());
        Self { client: JsonClient { retry_policy: RetryPolicy::SINGLE_TRY, ..client }, settings }
    }
}

#[async_trait]
impl Provider<Sms> for EndUserMessaging {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn send(&self, message: &Sms) -> Result<(), ProviderFault> {
        let sender = message.sender_id.as_deref().or(self.settings.origination_identity.as_deref());
        let input = Input {
            destination_phone_number: message.to.expose(),
            message_body: message.text.expose(),
            message_type: "TRANSACTIONAL",
            origination_identity: sender,
            configuration_set_name: self.settings.configuration_set.as_deref(),
            // The service accepts 5 s to 72 h.
            time_to_live: message.time_to_live.as_secs().clamp(5, 259_200),
        };
        // An unreadable success was accepted too, as in `is_taken`.
        match self.client.call::<IgnoredAny>("SendTextMessage", &input).await {
            Ok(_) | Err(CallFault::Unreadable | CallFault::BrokenOff(_)) => Ok(()),
            Err(fault) => Err(told_apart(fault)),
        }
    }
}

fn told_apart(fault: CallFault) -> ProviderFault {
    if let CallFault::Refused(refusal) = &fault {
        let Details { reason, fields } = refusal.details().unwrap_or_default();
        match (refusal.code.as_deref(), reason.as_deref()) {
            (Some("ThrottlingException"), _) => return ProviderFault::Throttled,
            (Some("ConflictException"), Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")) => {
                return ProviderFault::OptedOut;
            }
            // The account's own protection refused. Another provider must not bypass it.
            (
                Some("ConflictException"),
                Some(
                    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"
                    | "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
                ),
            )
            | (Some("ValidationException"), Some("DESTINATION_COUNTRY_BLOCKED")) => {
                return ProviderFault::AddressRejected;
            }
            (Some("ValidationException"), _)
                if fields
                    .iter()
                    .flatten()
                    .any(|field| field.name.as_deref() == Some("DestinationPhoneNumber")) =>
            {
                return ProviderFault::AddressRejected;
            }
            _ => {}
        }
    }
    CallFault::of(OPERATION)(fault).into()
}

/// The members of an error beside its code. A member may be `null`, as in every AWS JSON.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    reason: Option<String>,
    fields: Option<Vec<Field>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Field {
    name: Option<String>,
}
