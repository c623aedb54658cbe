//! How the user pool reaches the Lambda host.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use local_lambda_host::{EventQueue, InvokeError, Lambda, Request};
use local_user_pool::ports::{FunctionCall, FunctionFault, Functions};
use serde_json::Value;

/// The pool is there before the functions are: their environment holds the pool's id. Until
/// [`Triggers::connect`] no function can be reached.
#[derive(Default)]
pub struct Triggers {
    lambda: OnceLock<(Arc<dyn Lambda>, EventQueue)>,
}

impl std::fmt::Debug for Triggers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Triggers(..)")
    }
}

impl Triggers {
    pub fn connect(&self, lambda: Arc<dyn Lambda>, queue: EventQueue) {
        if self.lambda.set((lambda, queue)).is_err() {
            tracing::error!("functions connected twice");
        }
    }

    fn connected(&self) -> Result<&(Arc<dyn Lambda>, EventQueue), FunctionFault> {
        self.lambda.get().ok_or_else(|| FunctionFault::Invoke { code: "ServiceException".to_owned() })
    }
}

#[async_trait]
impl Functions for Triggers {
    async fn invoke(&self, call: FunctionCall) -> Result<Value, FunctionFault> {
        let (lambda, _) = self.connected()?;
        let invocation = lambda.run(request(call)).await.map_err(|error| fault(&error))?;
        let answer = invocation.result.map_err(|error| FunctionFault::Function { message: error.message })?;
        serde_json::from_slice(&answer.0).map_err(|_| FunctionFault::NotJson)
    }

    async fn invoke_async(&self, call: FunctionCall) -> Result<(), FunctionFault> {
        let (_, queue) = self.connected()?;
        queue.push(request(call));
        Ok(())
    }
}

fn request(call: FunctionCall) -> Request {
    let mut request = Request::new(call.function_arn, call.payload.to_string());
    request.source = Some(call.trigger_source);
    request.attempt = call.attempt;
    request
}

fn fault(error: &InvokeError) -> FunctionFault {
    FunctionFault::Invoke { code: error.code().to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::time::Duration;

    use axum::body::Bytes;
    use local_lambda_host::{Answer, AsyncPolicy, FunctionError, Invocation};
    use serde_json::json;
    use tokio::sync::Notify;

    use super::*;

    /// Answers by the name of the function.
    #[derive(Default)]
    struct Answers {
        asked: Mutex<Vec<Request>>,
        notify: Notify,
    }

    #[async_trait]
    impl Lambda for Answers {
        async fn run(&self, request: Request) -> Result<Invocation, InvokeError> {
            let answers = BTreeMap::from([
                ("arn:fine", Ok(Answer(Bytes::from_static(b"{\"a\":1}")))),
                ("arn:text", Ok(Answer(Bytes::from_static(b"no JSON")))),
                ("arn:broken", Err(FunctionError::new("Error", "No entry".to_owned()))),
            ]);
            self.asked.lock().unwrap().push(request.clone());
            self.notify.notify_one();
            let result = answers
                .get(request.function.as_str())
                .cloned()
                .ok_or_else(|| InvokeError::NotFound(request.function.clone()))?;
            let (init, init_usage, usage) = (None, None, None);
            let duration = Duration::ZERO;
            Ok(Invocation { request_id: request.request_id, result, init, duration, init_usage, usage })
        }
    }

    fn call(arn: &str) -> FunctionCall {
        FunctionCall {
            function_arn: arn.to_owned(),
            trigger_source: "PreSignUp_SignUp".to_owned(),
            attempt: 2,
            payload: json!({ "version": "1" }),
        }
    }

    fn triggers() -> (Triggers, Arc<Answers>) {
        let (triggers, answers) = (Triggers::default(), Arc::new(Answers::default()));
        triggers.connect(answers.clone(), EventQueue::new(answers.clone(), AsyncPolicy::default()));
        (triggers, answers)
    }

    #[tokio::test]
    async fn an_answer_a_failure_and_a_refusal_are_told_apart() {
        let (triggers, _) = triggers();
        assert_eq!(triggers.invoke(call("arn:fine")).await.unwrap(), json!({ "a": 1 }));
        assert!(matches!(triggers.invoke(call("arn:text")).await, Err(FunctionFault::NotJson)));
        let failed = triggers.invoke(call("arn:broken")).await;
        assert!(matches!(failed, Err(FunctionFault::Function { message }) if message == "No entry"));
        let refused = triggers.invoke(call("arn:none")).await;
        assert!(
            matches!(refused, Err(FunctionFault::Invoke { code }) if code == "ResourceNotFoundException")
        );
    }

    #[tokio::test]
    async fn what_the_invocation_is_for_goes_along() {
        let (triggers, answers) = triggers();
        triggers.invoke(call("arn:fine")).await.unwrap();
        let request = answers.asked.lock().unwrap().pop().unwrap();
        assert_eq!((request.source.as_deref(), request.attempt), (Some("PreSignUp_SignUp"), 2));
        assert_eq!(request.payload, r#"{"version":"1"}"#);
    }

    #[tokio::test]
    async fn an_event_is_handed_over_without_waiting_for_its_end() {
        let (triggers, answers) = triggers();
        triggers.invoke_async(call("arn:broken")).await.unwrap();
        answers.notify.notified().await;
        assert_eq!(answers.asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn before_there_are_functions_none_can_be_reached() {
        let refused = Triggers::default().invoke(call("arn:fine")).await;
        assert!(matches!(refused, Err(FunctionFault::Invoke { code }) if code == "ServiceException"));
    }
}
