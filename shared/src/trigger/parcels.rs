use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::{
    delivery::{Deliver, Parcel},
    kernel::Refusal,
    telemetry::{self, Metric},
};

/// Serves parcels until Lambda ends the process. No trigger of a pool's: invoked asynchronously by
/// functions of ours. What it answers is thrown away, and an error makes Lambda try again.
pub async fn serve_parcels(deliver: Deliver) -> Result<(), lambda_runtime::Error> {
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

/// Delivers one parcel. What is no parcel will not become one: it is told of, and not tried again.
pub async fn accept(deliver: &Deliver, payload: Value) -> Result<Value, Refusal> {
    let Ok(parcel) = serde_json::from_value::<Parcel>(payload) else {
        tracing::error!("event is not a message to deliver");
        Metric::MessageFailed.emit();
        return Ok(json!({}));
    };
    let user = match &parcel {
        Parcel::Code(parcel) => Some(&parcel.to.user),
        Parcel::Notice(parcel) => Some(&parcel.to.user),
        Parcel::Recovery(parcel) => Some(&parcel.notice.to.user),
        Parcel::Dummy => None,
    };
    if let Some(user) = user {
        tracing::Span::current().record("user", user.pseudonym());
    }
    match AssertUnwindSafe(deliver.handle(&parcel)).catch_unwind().await {
        Ok(Ok(())) => Ok(json!({})),
        Ok(Err(fault)) => {
            telemetry::dependency_failed(&fault);
            Err(Refusal::TemporarilyUnavailable)
        }
        // The panic hook has logged where.
        Err(_) => {
            Metric::Panicked.emit();
            Err(Refusal::TemporarilyUnavailable)
        }
    }
}
