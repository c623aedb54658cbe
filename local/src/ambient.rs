//! The machine's clock and randomness: the local cloud runs in real time, beside functions that
//! read the same clock.

use jiff::Timestamp;
use local_user_pool::ports::Clock;
use uuid::Uuid;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock;

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock behind the port")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[expect(clippy::disallowed_methods, reason = "ids only have to be unique")]
pub(crate) fn unique_id() -> Uuid {
    Uuid::new_v4()
}
