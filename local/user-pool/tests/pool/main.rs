//! The pool as its clients see it: operations in process and over its router.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test does beside its own function fails the test all the same"
)]

mod admin;
mod custom_auth;
mod devices;
mod events;
mod federated;
mod mfa;
mod migration;
mod passkey_mfa;
mod passkeys;
mod profile;
mod rotation;
mod senders;
mod sessions;
mod sign_in;
mod sign_up;
mod support;
mod threat_protection;
mod user_auth;
mod walk;
mod wire;
