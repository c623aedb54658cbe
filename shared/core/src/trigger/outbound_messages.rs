use std::sync::Arc;

use serde_json::{Value, json};

use super::shell::{guarded, serve_with};
use crate::{
    delivery::{OutboundMessage, QueueConsumer},
    kernel::Refusal,
    telemetry::Metric,
};

/// Serves messages until Lambda ends the process. This is not a trigger of a pool: other functions invoke it
/// asynchronously. Lambda discards its response, and retries after an error.
pub async fn serve_outbound_messages(deliver: QueueConsumer) -> Result<(), lambda_runtime::Error> {
    let deliver = Arc::new(deliver);
    serve_with(move |invocation| {
        let deliver = Arc::clone(&deliver);
        async move { accept(&deliver, invocation.payload).await }
    })
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
    guarded(deliver.handle(&message)).await.map(|()| json!({}))
}
