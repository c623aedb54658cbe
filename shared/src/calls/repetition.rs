use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Claim, Holder, Remembered, Requests, Settled};
use crate::kernel::{Clock, Entropy, PortError, UserId};

/// Longer than API Gateway waits for an answer (30 s).
const LEASE: SignedDuration = SignedDuration::from_secs(35);
/// For so long a request is known again.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// What a client calls one attempt at something, however often it is sent. Kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an idempotency key")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(digest(&[text.as_bytes()]))).ok_or(InvalidIdempotencyKey)
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was asked: method, path and body, as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHash(String);

impl RequestHash {
    pub fn new(method: &str, path: &str, body: &[u8]) -> Self {
        Self(digest(&[method.as_bytes(), path.as_bytes(), body]))
    }

    /// As it was kept.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lengths go in, so that parts can't be shifted into each other.
fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    data_encoding::HEXLOWER.encode(&digest.finalize())
}

/// Makes a request that is sent again have its effect once.
pub struct Repetitions {
    requests: Arc<dyn Requests>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What is to be done with a request that has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first: do it, then [`Repetitions::end`] it with this.
    First(Holder),
    /// It was done before.
    Repeated(Remembered),
    /// The key stands for another request.
    OtherRequest,
    /// It is being done at this moment.
    Running,
}

impl Repetitions {
    pub fn new(requests: Arc<dyn Requests>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { requests, clock, entropy }
    }

    pub async fn begin(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        request: &RequestHash,
    ) -> Result<Begun, PortError> {
        let now = self.clock.now();
        let holder = Holder::draw(self.entropy.as_ref())?;
        let claim = self.requests.claim(user, key, &holder, request, now, after(now, LEASE));
        Ok(match claim.await? {
            Claim::Granted => Begun::First(holder),
            Claim::Taken { request: taken, .. } if taken != *request => Begun::OtherRequest,
            Claim::Taken { ended: Some(ended), .. } => Begun::Repeated(ended),
            Claim::Taken { ended: None, .. } => Begun::Running,
        })
    }

    /// `ended`: how, if something was done; otherwise the key is free again. Whoever outlived their claim
    /// leaves the key to whom it is by now.
    pub async fn end(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &Holder,
        ended: Option<Remembered>,
    ) -> Result<(), PortError> {
        let until = after(self.clock.now(), MEMORY);
        let settled = match ended {
            Some(ended) => self.requests.settle(user, key, holder, &ended, until).await?,
            None => self.requests.release(user, key, holder).await?,
        };
        if settled == Settled::TakenOver {
            tracing::warn!("request outlived its claim on the idempotency key");
        }
        Ok(())
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_add(time).unwrap_or(now)
}

impl std::fmt::Debug for Repetitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repetitions")
    }
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
