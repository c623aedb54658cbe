//! A pool in memory with a clock that stands still, functions that are closures, and an outbox to
//! look into.

pub(crate) mod authenticator;
pub(crate) mod bench;
pub(crate) mod passkey_device;
pub(crate) mod srp_client;

pub(crate) use authenticator::totp;
pub(crate) use bench::{Bench, PASSWORD, USERNAME, code_of};
pub(crate) use srp_client::SrpClient;
