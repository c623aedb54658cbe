use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, StoredResponse};
use crate::kernel::{Clock, Entropy, PortError, UserId};

/// Time for which a request holds its key. It is longer than API Gateway waits for an answer (30 s).
const LEASE: SignedDuration = SignedDuration::from_secs(35);
/// Time for which a response is stored.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// The client's key of one request, the same in every repetition. We store its hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an idempotency key")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Accepts 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(digest(&[text.as_bytes()]))).ok_or(InvalidIdempotencyKey)
    }

    /// Returns 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A hash of method, path and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHash(String);

impl RequestHash {
    pub fn new(method: &str, path: &str, body: &[u8]) -> Self {
        Self(digest(&[method.as_bytes(), path.as_bytes(), body]))
    }

    /// Returns the hash that was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hashes the parts with their lengths, so that bytes cannot move from one part to the next.
fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    data_encoding::HEXLOWER.encode(&digest.finalize())
}

/// Makes sure that a repeated request takes effect once.
#[derive(Debug)]
pub struct IdempotentRequests {
    store: Arc<dyn IdempotencyStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What to do with a request that has an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// The request is new: handle it, then call [`IdempotentRequests::end`] with this holder.
    First(KeyHolder),
    /// The request was completed before, with this response.
    Repeated(StoredResponse),
    /// The key belongs to another request.
    OtherRequest,
    /// The same request is being handled now.
    Running,
}

impl IdempotentRequests {
    pub fn new(store: Arc<dyn IdempotencyStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    pub async fn begin(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        request: &RequestHash,
    ) -> Result<Idempotency, PortError> {
        let now = self.clock.now();
        let holder = KeyHolder::draw(self.entropy.as_ref())?;
        let claim = self.store.claim(user, key, &holder, request, now, after(now, LEASE));
        Ok(match claim.await? {
            KeyClaim::Granted => Idempotency::First(holder),
            KeyClaim::Taken { request: taken, .. } if taken != *request => Idempotency::OtherRequest,
            KeyClaim::Taken { ended: Some(ended), .. } => Idempotency::Repeated(ended),
            KeyClaim::Taken { ended: None, .. } => Idempotency::Running,
        })
    }

    /// Stores the response, or frees the key if `ended` is `None`. Changes nothing if the claim has expired and
    /// another request has the key.
    pub async fn end(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        ended: Option<StoredResponse>,
    ) -> Result<(), PortError> {
        let until = after(self.clock.now(), MEMORY);
        let settled = match ended {
            Some(ended) => self.store.store_response(user, key, holder, &ended, until).await?,
            None => self.store.release(user, key, holder).await?,
        };
        if settled == KeyRelease::TakenOver {
            tracing::warn!("request outlived its claim on the idempotency key");
        }
        Ok(())
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_add(time).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        assert!(IdempotencyKey::parse("8f14e45f-ceea-4d5a-9b3a-000000000001").is_ok());
        for text in ["", " ", "a b", "ä", &"x".repeat(129)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_differ_by_method_path_and_body() {
        let request = RequestHash::new("POST", "/mfa/totp", b"{}");
        assert_eq!(request, RequestHash::new("POST", "/mfa/totp", b"{}"));
        for other in [
            RequestHash::new("PUT", "/mfa/totp", b"{}"),
            RequestHash::new("POST", "/mfa/totp/", b"{}"),
            RequestHash::new("POST", "/mfa/totp{", b"}"),
            RequestHash::new("POST", "/mfa/totp", b""),
        ] {
            assert_ne!(request, other);
        }
    }
}
