use async_trait::async_trait;
use jiff::Timestamp;

use super::{IdempotencyKey, RequestHash};
use crate::kernel::{Entropy, PortError, UserId};

/// Whose calls are counted, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counter {
    /// A user's changes of their own factors, by the minute.
    User(UserId),
    /// A keyed hash of a network address, by the minute.
    Address(String),
    /// An administrator's looks at users, by the hour.
    AdminLooks(UserId),
    /// An administrator's changes of users, by the hour.
    AdminChanges(UserId),
}

/// Counts calls in a window of time.
///
/// Contract: of N racing callers exactly `most` are counted; who is not counted changes nothing. One write.
#[async_trait]
pub trait CallCounts: Send + Sync {
    /// Returns false where there were `most` in the window already. `start` is the window's first second.
    async fn count(&self, counter: &Counter, start: Timestamp, most: u32) -> Result<bool, PortError>;
}

/// Remembers which requests were made, by user and key.
///
/// Contract: of N racing claims of one key exactly one is [`Claim::Granted`]; for the same holder it is
/// granted again. `settle` and `release` are one write each, and change nothing where the holder's claim has
/// run out and somebody else has the key. What is remembered is never a secret: what the answer was goes in
/// only if the caller gives it.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Takes the key until `until`, if nobody has it at `now`.
    async fn claim(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &Holder,
        request: &RequestHash,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, PortError>;

    /// Keeps how the request ended, until `until`.
    async fn settle(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &Holder,
        ended: &Remembered,
        until: Timestamp,
    ) -> Result<Settled, PortError>;

    /// Gives the key back: nothing was done.
    async fn release(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &Holder,
    ) -> Result<Settled, PortError>;
}

/// One attempt at a request: whose claim a claim is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(String);

impl Holder {
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&bytes)))
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// The claim had run out, and somebody else has the key.
    TakenOver,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    Granted,
    /// Somebody has the key; what they asked, and how it ended if it has.
    Taken {
        request: RequestHash,
        ended: Option<Remembered>,
    },
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// HTTP status.
    pub status: u16,
    /// The answer, where it may be shown again. None: it held a secret.
    pub answer: Option<String>,
}
