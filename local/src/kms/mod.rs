//! KMS: symmetric and HMAC keys that never leave this process, kept in the state folder.

mod key_store;

pub use key_store::KeyUsage;
pub use key_store::{KeyStore, KmsError};

use std::sync::Arc;

pub fn router(_keys: Arc<KeyStore>) -> axum::Router {
    axum::Router::new().fallback(async || {
        (
            axum::http::StatusCode::NOT_IMPLEMENTED,
            "not built in the local cloud\n",
        )
    })
}
