//! A finished sign-in: what its refresh and access tokens live on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Removing it revokes the refresh token and every access token that came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignIn {
    pub(crate) sub: String,
    /// `origin_jti` of all its tokens.
    pub(crate) origin_jti: String,
    pub(crate) client_id: String,
    pub(crate) event_id: String,
    pub(crate) auth_time: Timestamp,
    pub(crate) refresh_expires: Timestamp,
    /// SHA-256 of the refresh token's secret part, hex.
    pub(crate) refresh_digest: String,
    pub(crate) device_key: Option<String>,
    /// Given out in `NewDeviceMetadata` and not confirmed yet.
    pub(crate) device_group_key: Option<String>,
}
