use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt as _, TryFutureExt as _};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Map, Value};
use tracing::Instrument;

use super::Event;
use crate::{
    kernel::{PortError, Refusal},
    telemetry::{self, Metric},
};

/// The behaviour of a trigger function.
pub trait Trigger: Send + Sync + 'static {
    /// Returns the members of `response` to set. An empty map keeps Cognito's defaults.
    fn handle(
        &self,
        event: Event<'_>,
    ) -> impl Future<Output = Result<Map<String, Value>, TriggerFault>> + Send;
}

/// The reason of an error response.
#[derive(Debug, thiserror::Error)]
pub enum TriggerFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Serves invocations until Lambda ends the process.
pub async fn serve(trigger: impl Trigger) -> Result<(), lambda_runtime::Error> {
    let trigger = Arc::new(trigger);
    serve_with(move |invocation| {
        let trigger = Arc::clone(&trigger);
        async move { answer(trigger.as_ref(), invocation.payload).await }
    })
    .await
}

/// Serves invocations with `handle`, each in its span.
pub(super) async fn serve_with<F>(
    handle: impl Fn(LambdaEvent<Value>) -> F,
) -> Result<(), lambda_runtime::Error>
where
    F: Future<Output = Result<Value, Refusal>>,
{
    lambda_runtime::run(service_fn(|invocation: LambdaEvent<Value>| {
        let span = tracing::info_span!(
            "invocation",
            request_id = invocation.context.request_id,
            trigger = tracing::field::Empty,
            user = tracing::field::Empty
        );
        // A future that sends messages is too large to be moved between the runtime's layers.
        Box::pin(handle(invocation)).instrument(span).map_err(public)
    }))
    .await
}

/// Runs the work of an invocation. Only a refusal leaves it, whatever fails inside.
pub(super) async fn guarded<T, E: Into<TriggerFault>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Refusal> {
    match AssertUnwindSafe(work.map_err(Into::into)).catch_unwind().await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(TriggerFault::Refused(refusal))) => {
            tracing::info!(refusal = refusal.code(), "trigger refused");
            Metric::Refused.emit();
            Err(refusal)
        }
        Ok(Err(TriggerFault::Port(fault))) => {
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

/// Runs `trigger` on one event and returns the whole event with its `response`.
pub async fn answer(trigger: &impl Trigger, mut event: Value) -> Result<Value, Refusal> {
    let Value::Object(members) = &mut event else {
        tracing::error!("event is not a JSON object");
        return Err(Refusal::TemporarilyUnavailable);
    };
    let read = Event::new(members);
    let span = tracing::Span::current();
    span.record("trigger", read.source());
    if let Some(user) = read.user() {
        span.record("user", user.pseudonym());
    }
    let response = guarded(async { trigger.handle(read).await }).await?;
    if !response.is_empty() {
        match members.get_mut("response") {
            Some(Value::Object(defaults)) => defaults.extend(response),
            _ => {
                members.insert("response".into(), Value::Object(response));
            }
        }
    }
    Ok(event)
}

/// Returns the public error. Cognito passes on only `errorMessage`, verbatim (cognito.md §1.2).
fn public(refusal: Refusal) -> Diagnostic {
    Diagnostic { error_type: refusal.code().into(), error_message: refusal.text().into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Answers(fn() -> Result<Map<String, Value>, TriggerFault>);

    impl Trigger for Answers {
        async fn handle(&self, _: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
            (self.0)()
        }
    }

    fn members(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[tokio::test]
    async fn only_the_answered_members_of_response_change() {
        let event = json!({
            "version": 1, "triggerSource": "PreSignUp_SignUp", "future": { "a": [null] },
            "request": { "userAttributes": null, "extra": 1.5 },
            "response": { "autoConfirmUser": false, "autoVerifyEmail": null, "extra": "x" },
        });
        let trigger = Answers(|| Ok(members(json!({ "autoConfirmUser": true }))));
        let mut expected = event.clone();
        expected["response"]["autoConfirmUser"] = json!(true);
        assert_eq!(answer(&trigger, event).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn an_absent_response_is_created_only_for_an_answer() {
        let silent = Answers(|| Ok(Map::new()));
        for event in [json!({ "a": 1 }), json!({ "a": 1, "response": null })] {
            assert_eq!(answer(&silent, event.clone()).await.unwrap(), event);
            let speaks = Answers(|| Ok(members(json!({ "b": 2 }))));
            assert_eq!(answer(&speaks, event).await.unwrap(), json!({ "a": 1, "response": { "b": 2 } }));
        }
    }

    #[tokio::test]
    async fn no_internal_error_leaves() {
        let fails = Answers(|| Err(PortError::new("dynamodb.UpdateItem", "arn:aws:canary").into()));
        let panics = Answers(|| panic!("canary"));
        for trigger in [fails, panics] {
            assert_eq!(answer(&trigger, json!({})).await, Err(Refusal::TemporarilyUnavailable));
        }
        assert_eq!(
            answer(&Answers(|| Ok(Map::new())), json!("text")).await,
            Err(Refusal::TemporarilyUnavailable)
        );
    }

    #[tokio::test]
    async fn a_refusal_is_its_public_text() {
        let trigger = Answers(|| Err(Refusal::SignUpClosed.into()));
        let refusal = answer(&trigger, json!({})).await.unwrap_err();
        let diagnostic = public(refusal);
        assert_eq!(
            (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
            ("sign-up-closed", "Sign-up is closed")
        );
    }
}
