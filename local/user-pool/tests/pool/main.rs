//! The pool as its clients see it: operations in process and over its router.

mod admin;
mod custom_auth;
mod devices;
mod mfa;
mod profile;
mod senders;
mod sign_in;
mod sign_up;
mod support;
mod wire;
