use async_trait::async_trait;
use jiff::Timestamp;

use super::{Change, CustomFactors, SealedSeed, TotpSeed};
use crate::kernel::{PortError, UserId};

/// Keeps users' own factors.
///
/// Contract: `custom_factors` is one read, and sees every write that was answered before. Every other
/// method is one write. Of racing changes that saw the same revision one is done; a step is used up once.
#[async_trait]
pub trait CustomFactorStore: Send + Sync {
    /// Nothing where there is nothing.
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError>;

    /// Writes `change` if the revision is still `seen`.
    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError>;

    /// Begins a new generation: every trusted device is gone, and no sign-in that began before can be
    /// finished with a custom factor. For what happens elsewhere: a password reset, a change of the
    /// pool's own factors.
    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError>;

    /// The same, and notes that the pool's authenticator is being replaced.
    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;

    /// Notes whether a factor of the pool is on. One conditional write, and nothing where it is known.
    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError>;

    /// Forgives wrong answers with every factor, and by name alone. Where nothing is kept, nothing is
    /// written.
    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError>;

    /// The pool has a working authenticator (again). Where nothing is kept, nothing is written.
    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError>;
}

/// What is known of the pool's factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolFactorNote {
    /// One is on, since this time at the latest.
    On(Timestamp),
    /// The user turned the last one off, after a proof: they may begin anew if they have nothing else.
    TurnedOff,
    /// No factor is on and none was proven: it was turned off outside our API.
    Missing,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    Done,
    /// Another change was faster: nothing is written, and what was read is out of date.
    Overtaken,
}

/// Seals seeds under a key of their own.
///
/// Contract: a seed opens for the user whom it was sealed for, in the same pool, and for no other user.
#[async_trait]
pub trait Seeds: Send + Sync {
    async fn seal(&self, user: &UserId, seed: &TotpSeed) -> Result<SealedSeed, PortError>;

    async fn open(&self, user: &UserId, sealed: &SealedSeed) -> Result<TotpSeed, PortError>;
}
