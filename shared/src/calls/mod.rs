//! Calls of the APIs: how many a caller may make, and which requests were made before.

mod limits;
mod port;
mod repetition;

pub use limits::{Admission, CallLimits, Window};
pub use port::{CallCounts, Claim, Counter, Holder, Remembered, Requests, Settled};
pub use repetition::{Begun, IdempotencyKey, InvalidIdempotencyKey, Repetitions, RequestHash};
