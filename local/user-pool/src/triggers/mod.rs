//! Lambda triggers: the event (cognito.md §1), the call with its 5 s and three tries, and what a
//! failure looks like to the client (§1.2).

pub(crate) mod event;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::UserPools;
use crate::ports::{FunctionCall, FunctionFault, Functions};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::switches::TriggerDelivery;
pub(crate) use event::Event;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const TRIES: u8 = 3;

/// The triggers that are waited for, by the word the client reads when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    PreSignUp,
    PostConfirmation,
    PreAuthentication,
    PostAuthentication,
    PreTokenGeneration,
    UserMigration,
    CustomMessage,
    DefineAuthChallenge,
    CreateAuthChallenge,
    VerifyAuthChallengeResponse,
}

enum Failure {
    Function(FunctionFault),
    Timeout,
}

/// Runs a function and gives the `response` of the event it returned.
pub(crate) async fn invoke(
    pools: &UserPools,
    trigger: Trigger,
    function_arn: &str,
    event: Event<'_>,
) -> Result<Value, ApiError> {
    let source = event.source.clone();
    let payload = event.into_payload();
    let call = |attempt| FunctionCall {
        function_arn: function_arn.to_owned(),
        trigger_source: source.clone(),
        attempt,
        payload: payload.clone(),
    };
    let functions = &pools.config.functions;
    let answer = match pools.switches().trigger_delivery {
        TriggerDelivery::Once => with_retries(functions, 1, call).await,
        TriggerDelivery::Duplicate => match with_retries(functions, 1, call).await {
            Ok(_) => with_retries(functions, 2, call).await,
            Err(failure) => Err(failure),
        },
        TriggerDelivery::Overlapping => {
            let earlier = tokio::spawn(once(Arc::clone(functions), call(1)));
            let answer = with_retries(functions, 2, call).await;
            // Its outcome counts for nothing; it is only to be over before the client goes on.
            let _ = earlier.await;
            answer
        }
    };
    match answer {
        Ok(event) => response_of(event),
        Err(failure) => Err(refusal(trigger, failure)),
    }
}

async fn with_retries(
    functions: &Arc<dyn Functions>,
    first: u8,
    call: impl Fn(u8) -> FunctionCall,
) -> Result<Value, Failure> {
    let mut attempt = first;
    loop {
        match once(Arc::clone(functions), call(attempt)).await {
            Err(failure) if attempt < TRIES && failure.is_retryable() => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// A call that runs out of time isn't stopped: the function may still be at work when the next one
/// begins, as on Lambda.
async fn once(functions: Arc<dyn Functions>, call: FunctionCall) -> Result<Value, Failure> {
    let running = tokio::spawn(async move { functions.invoke(call).await });
    match timeout(ANSWER_WITHIN, running).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(fault))) => Err(Failure::Function(fault)),
        Ok(Err(_)) => Err(Failure::Function(FunctionFault::Invoke { code: "ServiceException".to_owned() })),
        Err(_) => Err(Failure::Timeout),
    }
}

impl Failure {
    /// A function's own error and an Invoke that failed for good aren't tried again.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Function(FunctionFault::Invoke { code }) => code == "TooManyRequestsException",
            Self::Function(_) => false,
        }
    }
}

fn refusal(trigger: Trigger, failure: Failure) -> ApiError {
    match failure {
        Failure::Function(FunctionFault::Function { message }) => ApiError::new(
            ErrorCode::UserLambdaValidation,
            format!("{trigger:?} failed with error {message}."),
        ),
        Failure::Function(FunctionFault::Invoke { code }) => ApiError::new(
            ErrorCode::UnexpectedLambda,
            format!("{trigger:?} invocation failed due to error {code}."),
        ),
        Failure::Timeout => ApiError::new(
            ErrorCode::UnexpectedLambda,
            format!(
                "{trigger:?} invocation failed due to error Socket timeout while invoking Lambda function."
            ),
        ),
        Failure::Function(FunctionFault::NotJson) => {
            ApiError::new(ErrorCode::InvalidLambdaResponse, "Invalid lambda function output : Invalid JSON")
        }
    }
}

/// The whole event must come back.
fn response_of(event: Value) -> Result<Value, ApiError> {
    let Value::Object(mut event) = event else {
        return Err(unrecognizable());
    };
    if !event.get("request").is_some_and(Value::is_object) {
        return Err(unrecognizable());
    }
    match event.remove("response") {
        Some(response @ Value::Object(_)) => Ok(response),
        _ => Err(unrecognizable()),
    }
}

/// A response member of the wrong kind.
pub(crate) fn unrecognizable() -> ApiError {
    ApiError::new(ErrorCode::InvalidLambdaResponse, "Unrecognizable lambda output")
}
