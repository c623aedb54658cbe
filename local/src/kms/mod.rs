//! KMS: symmetric and HMAC keys that never leave this process, kept in the state folder.

mod key_store;
mod wire;

pub use key_store::{KeyStore, KeyUsage, KmsError};
pub use wire::router;
