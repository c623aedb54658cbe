//! The command against a pool, a table and functions of the local cloud.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test; figures are printed"
)]

mod attach;
mod claims;
mod doctor;
mod support;
mod user;
