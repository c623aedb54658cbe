//! A code's way to the user.

mod sealed;

pub use sealed::{DataKeyCiphertext, DataKeys, Plaintext, Unreadable, Unseal, UnsealFault};
