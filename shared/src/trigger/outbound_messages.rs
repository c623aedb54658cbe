use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::{
    delivery::{OutboundMessage, QueueConsumer},
    kernel::Refusal,
    telemetry::{self, Metric},
};

/// Serves messages until Lambda ends the process. This is not a trigger of a pool: other functions invoke it
/// asynchronously. Lambda discards its response, and retries after an error.
pub async fn serve_outbound_messages(deliver: QueueConsumer) -> Result<(), lambda_runtime::Error> {
    let deliver = Arc::new(deliver);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<Value>| {
        let deliver = Arc::clone(&deliver);
        async move {
            let span = tracing::info_span!(
                "invocation",
                request_id = invocation.context.request_id,
                user = tracing::field::Empty
            );
            accept(&deliver, invocation.payload).instrument(span).await.map_err(|refusal| Diagnostic {
                error_type: refusal.code().into(),
                error_message: refusal.text().into(),
            })
        }
    }))
    .await
}

/// Delivers one message. An invalid payload is logged and not retried.
pub async fn accept(deliver: &QueueConsumer, payload: Value) -> Result<Value, Refusal> {
    let Ok(message) = serde_json::from_value::<OutboundMessage>(payload) else {
        tracing::error!("event is not a message to deliver");
        Metric::MessageFailed.emit();
        return Ok(json!({}));
    };
    let user = match &message {
        OutboundMessage::ChallengeCode(message) => Some(&message.to.user),
        OutboundMessage::Notification(message) => Some(&message.to.user),
        OutboundMessage::Recovery(message) => Some(&message.notice.to.user),
        OutboundMessage::Decoy => None,
    };
    if let Some(user) = user {
        tracing::Span::current().record("user", user.pseudonym());
    }
    match AssertUnwindSafe(deliver.handle(&message)).catch_unwind().await {
        Ok(Ok(())) => Ok(json!({})),
        Ok(Err(fault)) => {
            telemetry::dependency_failed(&fault);
            Err(Refusal::TemporarilyUnavailable)
        }
        // The panic hook has logged the place.
        Err(_) => {
            Metric::Panicked.emit();
            Err(Refusal::TemporarilyUnavailable)
        }
    }
}
