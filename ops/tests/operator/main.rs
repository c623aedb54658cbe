//! The command against a pool, a table and functions of the local cloud.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failed expectation is a failed test")]

mod attach;
mod doctor;
mod support;
mod user;
