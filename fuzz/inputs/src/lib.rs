//! Checks of untrusted input. Each target is a function that takes any bytes and panics if a promise is broken.
//! `cargo xtask fuzz` calls them with millions of inputs (`fuzz/libfuzzer`). `tests/replay.rs` calls them with
//! the corpus (`fuzz/corpus`).
//!
//! Each call begins from the same state, so an input that breaks a promise breaks it again.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

mod api;
mod policy;
mod pool;
mod rules;
mod sealed;
mod srp;
mod trigger_events;

pub use api::requests as api_body;
pub use policy::text as policy;
pub use pool::calls as pool_wire;
pub use rules::text as rules;
pub use sealed::{bytes as sealed, text as sealed_base64};
pub use srp::sign_in as srp;
pub use trigger_events::sequence as trigger_events;

/// A function that processes an input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("sealed", sealed),
    ("sealed_base64", sealed_base64),
    ("trigger_events", trigger_events),
    ("api_body", api_body),
    ("policy", policy),
    ("rules", rules),
    ("srp", srp),
    ("pool_wire", pool_wire),
];

/// Returns an input as text where only text is accepted. Invalid UTF-8 never reaches the code behind.
fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
