//! Calls of the API: how many changes a caller may ask for, and which requests were made before.

mod limits;
mod port;
mod repetition;

pub use limits::{Admission, CallLimits};
pub use port::{CallCounts, Claim, Counter, Holder, Remembered, Requests, Settled};
pub use repetition::{Begun, IdempotencyKey, InvalidIdempotencyKey, Repetitions, RequestHash};
