//! The custom e-mail and SMS senders (cognito.md §1.15, §2): an asynchronous event with the code
//! encrypted under the pool's KMS key.

use serde_json::{Value, json};

use super::{Delivery, Occasion, esdk};
use crate::UserPools;
use crate::ports::{Channel, FunctionCall};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::switches::TriggerDelivery;
use crate::triggers::Event;
use crate::triggers::event::with_metadata;

/// Whether a sender took it. Its own outcome is never the user's concern; that KMS refuses the key
/// is the pool's configuration and fails the operation.
pub(super) async fn send(pools: &UserPools, delivery: &Delivery<'_>) -> Result<bool, ApiError> {
    let lambda = &delivery.pool.settings.lambda_config;
    let (sender, prefix, kind) = match delivery.channel() {
        Channel::Email => (&lambda.custom_email_sender, "CustomEmailSender", "customEmailSenderRequestV1"),
        Channel::Sms => (&lambda.custom_sms_sender, "CustomSMSSender", "customSMSSenderRequestV1"),
    };
    let (Some(sender), Some(key)) = (sender, &lambda.kms_key_id) else {
        return Ok(false);
    };
    let plaintext = if delivery.occasion == Occasion::AdminCreateUser {
        escape_html(delivery.secret)
    } else {
        delivery.secret.to_owned()
    };
    let code = esdk::encrypt(pools.config.data_keys.as_ref(), key, &delivery.pool.id, plaintext.as_bytes())
        .await
        .map_err(|fault| {
            tracing::warn!(%fault, "the code can't be encrypted for the custom sender");
            ApiError::new(
                ErrorCode::InvalidUserPoolConfiguration,
                "Unable to use the KMS key of the custom sender.",
            )
        })?;
    let request = json!({
        "type": kind,
        "code": code,
        "clientMetadata": Value::Null,
        "userAttributes": delivery.user.event_attributes(delivery.pool),
    });
    let event = Event {
        pool: delivery.pool,
        client_id: delivery.client_id,
        source: format!("{prefix}_{:?}", delivery.occasion),
        username: &delivery.user.username,
        version: "1",
        request: with_metadata(request, delivery.metadata.filter(|_| passes_metadata(delivery.occasion))),
        response: None,
    };
    hand_over(pools, &sender.lambda_arn, event).await;
    Ok(true)
}

/// Asynchronously; what comes of it is the sender's own business. At least once: Lambda may deliver an
/// event again.
pub(super) async fn hand_over(pools: &UserPools, function_arn: &str, event: Event<'_>) {
    let source = event.source.clone();
    let payload = event.into_payload();
    let deliveries = match pools.switches().trigger_delivery {
        TriggerDelivery::Once => 1,
        TriggerDelivery::Duplicate | TriggerDelivery::Overlapping => 2,
    };
    for attempt in 1..=deliveries {
        let call = FunctionCall {
            function_arn: function_arn.to_owned(),
            trigger_source: source.clone(),
            attempt,
            payload: payload.clone(),
        };
        if let Err(fault) = pools.config.functions.invoke_async(call).await {
            tracing::warn!(%fault, "the custom sender was not invoked");
        }
    }
}

/// cognito.md §1.4.
fn passes_metadata(occasion: Occasion) -> bool {
    matches!(occasion, Occasion::ForgotPassword | Occasion::SignUp | Occasion::Authentication)
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
