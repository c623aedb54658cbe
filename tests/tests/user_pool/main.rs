//! Tests the local user pool through the AWS SDK for Rust.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

mod native_factors;
#[path = "../../../local/user-pool/tests/pool/support/passkey_device.rs"]
#[expect(dead_code, clippy::indexing_slicing, reason = "the pool's own tests use the rest")]
mod passkey_device;
mod pool;
mod rust_sdk;
