//! KMS: symmetric and HMAC keys that never leave this process, kept in the state folder.

mod error;
mod key_store;
mod wire;

pub use error::{KeyUsage, KmsError};
pub use key_store::KeyStore;
pub use wire::router;
