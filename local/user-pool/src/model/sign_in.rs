//! A finished sign-in: what its refresh and access tokens live on.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::session::TrackedSession;

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
    /// SHA-256 of the first refresh token's secret part, hex.
    pub(crate) refresh_digest: String,
    /// Refresh tokens of this sign-in, once one was rotated.
    #[serde(default)]
    pub(crate) rotation: Vec<RotatedToken>,
    /// Where the pool tracks sessions.
    #[serde(default)]
    pub(crate) session: Option<TrackedSession>,
    pub(crate) device_key: Option<String>,
    /// Given out in `NewDeviceMetadata` and not confirmed yet.
    pub(crate) device_group_key: Option<String>,
}

/// A refresh token in a chain of rotations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RotatedToken {
    /// As `SignIn::refresh_digest`.
    digest: String,
    /// Another token replaced this one, which can be retried until then.
    replaced: Option<Timestamp>,
}

/// A token was replaced, and its grace period is over.
pub(crate) struct Reused;

impl SignIn {
    /// Whether the digest is that of a refresh token of this sign-in, replaced or not.
    pub(crate) fn knows(&self, digest: &str) -> bool {
        let same = |known: &str| bool::from(digest.as_bytes().ct_eq(known.as_bytes()));
        same(&self.refresh_digest) || self.rotation.iter().any(|token| same(&token.digest))
    }

    pub(crate) fn check_usable(&self, digest: &str, now: Timestamp) -> Result<(), Reused> {
        let token = self.rotation.iter().find(|token| token.digest == digest);
        match token.and_then(|token| token.replaced) {
            Some(until) if until <= now => Err(Reused),
            _ => Ok(()),
        }
    }

    /// Puts a new token in the place of another. The other stays usable for `grace`, from its first replacement on.
    pub(crate) fn rotate(
        &mut self,
        old: &str,
        new: String,
        now: Timestamp,
        grace: SignedDuration,
    ) -> Result<(), Reused> {
        self.check_usable(old, now)?;
        let until = now.saturating_add(grace).unwrap_or(Timestamp::MAX);
        match self.rotation.iter_mut().find(|token| token.digest == old) {
            Some(token) => _ = token.replaced.get_or_insert(until),
            None => self.rotation.push(RotatedToken { digest: old.to_owned(), replaced: Some(until) }),
        }
        self.rotation.push(RotatedToken { digest: new, replaced: None });
        Ok(())
    }
}
