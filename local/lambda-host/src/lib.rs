//! Lambda on a laptop: starts real function binaries and speaks the Lambda Runtime API
//! (2018-06-01) to them, one invocation per execution environment at a time, and serves Lambda's
//! Invoke API (2015-03-31) in front.
//!
//! ```text
//! Invoke API ─ EventQueue ┐
//! user pool ──────────────┼─▶ dyn Lambda: Timeline ▶ LambdaHost ─ environment ─ process
//! HTTP API gateway ───────┘                          └ Forward ─▶ a host that runs elsewhere
//! ```
//!
//! What differs from Lambda: an idle environment is not frozen, and memory is measured but not
//! capped.

mod ambient;
mod environment;
mod event_queue;
mod forward;
mod function;
mod host;
mod invocation;
mod invoke_api;
mod logs;
mod process_group;
mod runtime_api;
mod timeline;
mod usage;

pub use event_queue::{AsyncPolicy, DeadLetter, EventQueue, GaveUp};
pub use forward::Forward;
pub use function::{FunctionSpec, access_key_id, function_arn, function_name, function_qualifier};
pub use host::{LambdaHost, Settings};
pub use invocation::{Answer, FunctionError, Invocation, InvokeError, Lambda, Request};
pub use invoke_api::{ASYNC_PAYLOAD_LIMIT, PAYLOAD_LIMIT, invoke_api};
pub use timeline::{Record, Timeline};
pub use usage::Usage;
