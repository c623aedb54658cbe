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
