//! A tracked session: a sign-in as `ListUserSessions` shows it (cognito.md §3.12).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pool::Pool;
use super::sign_in::SignIn;
use super::wire_time;
use crate::entropy;

/// `SetUserPoolSessionConfiguration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SessionConfiguration {
    pub(crate) user_session_tracking: Tracking,
    pub(crate) token_session: TokenSession,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Tracking {
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TokenSession {
    pub(crate) max_per_user: usize,
}

impl Default for SessionConfiguration {
    fn default() -> Self {
        Self { user_session_tracking: Tracking::Disabled, token_session: TokenSession { max_per_user: 20 } }
    }
}

/// `SetUserPoolClientSessionConfiguration`. It is stored only: there are no SSO sessions here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SsoSession {
    max_validity_minutes: u32,
}

impl Default for SsoSession {
    fn default() -> Self {
        Self { max_validity_minutes: 60 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrackedSession {
    pub(crate) id: String,
    /// The last refresh, or the sign-in.
    pub(crate) last_active: Timestamp,
    address: Option<IpAddr>,
}

impl TrackedSession {
    /// Begins a token session, where the pool tracks sessions.
    pub(crate) fn begin(pool: &Pool, address: Option<IpAddr>, now: Timestamp) -> Option<Self> {
        (pool.sessions.user_session_tracking == Tracking::Enabled).then(|| Self {
            id: format!("tkn{}", entropy::text(entropy::LOWERCASE_AND_DIGITS, 25)),
            last_active: now,
            address,
        })
    }
}

impl SignIn {
    /// The shape `SessionDescriptionType`. `caller` is the `origin_jti` of the caller's token. The user agent is
    /// not read, so the device is unknown. `None` for a sign-in that is not tracked.
    pub(crate) fn describe_session(&self, caller: Option<&str>) -> Option<Value> {
        let session = self.session.as_ref()?;
        Some(json!({
            "SessionId": session.id,
            "SessionType": "TOKEN",
            "ClientId": self.client_id,
            "CreateDate": wire_time(self.auth_time),
            "LastActiveDate": wire_time(session.last_active),
            "DeviceType": "unknown",
            "LastIPAddress": session.address,
            "IsCurrentSession": caller == Some(self.origin_jti.as_str()),
        }))
    }
}
