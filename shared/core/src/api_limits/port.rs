use async_trait::async_trait;
use jiff::Timestamp;

use super::{IdempotencyKey, RequestHash};
use crate::kernel::{Entropy, PortError, UserId};

/// What a rate limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RateCounter {
    /// A user's changes of their own factors, per minute.
    User(UserId),
    /// The changes from one network, per minute. Holds the keyed hash of the network address.
    Address(String),
    /// An administrator's reads of users, per hour.
    AdminReads(UserId),
    /// An administrator's changes of users, per hour.
    AdminChanges(UserId),
}

/// Counts calls in a window of time.
///
/// Contract: of N racing callers exactly `most` are counted. A refused call changes nothing. Each call is one
/// write.
#[async_trait]
pub trait RateCounts: Send + Sync + std::fmt::Debug {
    /// Returns false if the window already has `most` calls. `start` is the window's first second.
    async fn count(&self, counter: &RateCounter, start: Timestamp, most: u32) -> Result<bool, PortError>;
}

/// Stores which requests were made, by user and key.
///
/// Contract: of N racing claims of one key exactly one is [`KeyClaim::Granted`]. The same holder is granted
/// the key again. `store_response` and `release` are one write each. They change nothing if the holder's
/// claim has expired and another request has the key. The caller leaves out a response that holds a secret.
#[async_trait]
pub trait IdempotencyStore: Send + Sync + std::fmt::Debug {
    /// Claims the key until `until`, if it is free at `now`.
    async fn claim(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        request: &RequestHash,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<KeyClaim, PortError>;

    /// Stores the response until `until`.
    async fn store_response(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        ended: &StoredResponse,
        until: Timestamp,
    ) -> Result<KeyRelease, PortError>;

    /// Frees the key of a request that changed nothing.
    async fn release(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
    ) -> Result<KeyRelease, PortError>;
}

/// Identifies one attempt at a request, which holds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder(String);

impl KeyHolder {
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&bytes)))
    }

    /// Returns 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The result of storing a response or releasing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRelease {
    Done,
    /// The claim had expired, and another request has the key.
    TakenOver,
}

/// The result of claiming a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaim {
    Granted,
    /// Another request has the key. `ended` is its response once it has one.
    Taken {
        request: RequestHash,
        ended: Option<StoredResponse>,
    },
}

/// The response to a completed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// The body, or `None` if it held a secret.
    pub answer: Option<String>,
}
