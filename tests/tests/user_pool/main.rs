//! Tests the local user pool through the AWS SDK for Rust.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

mod native_factors;
mod pool;
mod rust_sdk;
