//! The pool as its clients see it: operations in process and over its router.

mod mfa;
mod sign_in;
mod sign_up;
mod support;
mod wire;
