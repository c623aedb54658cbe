//! Real time and real randomness. Functions are real processes that read the machine's clock, so
//! the deadlines they are given must come from that clock too.

use jiff::Timestamp;
use uuid::Uuid;

#[expect(clippy::disallowed_methods, reason = "function processes read this same clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "request ids only have to be unique")]
pub(crate) fn unique_id() -> Uuid {
    Uuid::new_v4()
}
