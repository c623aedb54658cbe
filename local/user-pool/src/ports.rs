//! What a user pool needs from the rest of the cloud. The pool knows nothing of how functions are
//! run or how messages travel; the local cloud plugs its Lambda host, outbox and KMS in here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

/// Lambda's Invoke API as a user pool sees it.
#[async_trait]
pub trait Functions: Send + Sync {
    /// `RequestResponse`: waits for the function's answer. The caller bounds the wait.
    async fn invoke(&self, call: FunctionCall) -> Result<Value, FunctionFault>;

    /// `Event`: hands the event over and returns; retries and dead letters are Lambda's.
    async fn invoke_async(&self, call: FunctionCall) -> Result<(), FunctionFault>;
}

/// One invocation of a trigger. Its `Debug` form leaves the event out: it holds answers and addresses.
#[derive(Clone)]
pub struct FunctionCall {
    /// Function ARN out of the pool's `LambdaConfig`.
    pub function_arn: String,
    /// `PreSignUp_SignUp` and the like, for timelines.
    pub trigger_source: String,
    /// 1 for the first delivery, 2 and 3 for the retries.
    pub attempt: u8,
    /// The trigger event.
    pub payload: Value,
}

impl std::fmt::Debug for FunctionCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionCall")
            .field("function_arn", &self.function_arn)
            .field("trigger_source", &self.trigger_source)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// Why an invocation gave no answer (cognito.md §1.2).
#[derive(Debug, Clone, thiserror::Error)]
pub enum FunctionFault {
    /// The function ran and returned an error (`X-Amz-Function-Error`).
    #[error("function error: {message}")]
    Function { message: String },
    /// Lambda did not run it: `AccessDeniedException`, `TooManyRequestsException`, …
    #[error("could not invoke: {code}")]
    Invoke { code: String },
    /// What came back is not JSON.
    #[error("answer is not JSON")]
    NotJson,
}

/// Where Cognito's own messages go when no custom sender takes them.
pub trait Outbox: Send + Sync {
    fn deliver(&self, message: Message);
}

/// A message to a user. Its `Debug` form names the channel only.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub channel: Channel,
    /// E-mail address or E.164 number.
    pub to: String,
    pub subject: Option<String>,
    pub text: String,
    /// The one-time code or temporary password in `text`.
    pub code: Option<String>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Email,
    Sms,
}

/// KMS `GenerateDataKey` for custom-sender codes.
#[async_trait]
pub trait DataKeys: Send + Sync {
    /// A fresh 32-byte key under `key_arn`, bound to `context`.
    async fn generate(
        &self,
        key_arn: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, DataKeyFault>;

    /// KMS `CreateGrant`, in the name of the caller who sets a pool's `KMSKeyID`: the right to ask for such keys
    /// from then on (cognito.md §2.1). Where it is refused the pool keeps its setting, and no code goes out.
    fn grant(&self, key_arn: &str, context: &BTreeMap<String, String>);
}

pub struct DataKey {
    pub plaintext: [u8; 32],
    /// What KMS `Decrypt` takes to give `plaintext` back.
    pub ciphertext: Vec<u8>,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("KMS refused: {0}")]
pub struct DataKeyFault(pub String);

/// The time, as a source that tests can set.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}
