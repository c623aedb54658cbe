//! What a user pool keeps: pools, app clients, users, devices, groups, sign-ins and what threat
//! protection remembers of them.

pub(crate) mod attributes;
pub(crate) mod auth_event;
pub(crate) mod client;
pub(crate) mod device;
pub(crate) mod group;
pub(crate) mod passkey;
pub(crate) mod policies;
pub(crate) mod pool;
pub(crate) mod risk;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod user;

use jiff::Timestamp;
use serde_json::Value;

/// How AWS JSON 1.1 writes a time: seconds since 1970 with milliseconds as the fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits until the year 287396")]
pub(crate) fn wire_time(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}
