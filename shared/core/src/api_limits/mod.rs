//! Limits of the APIs: how many changes a caller may make, and that a repeated request takes effect once.

mod idempotency;
mod port;
mod rate_limit;

pub use idempotency::{Idempotency, IdempotencyKey, IdempotentRequests, InvalidIdempotencyKey, RequestHash};
pub use port::{IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts, StoredResponse};
pub use rate_limit::{RateDecision, RateLimiter, RateWindow};
