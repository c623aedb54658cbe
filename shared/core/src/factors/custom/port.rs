use async_trait::async_trait;
use jiff::Timestamp;

use super::{Change, CustomFactors, SealedSeed, TotpSeed};
use crate::kernel::{PortError, UserId};

/// Stores users' custom factors.
///
/// Contract: `custom_factors` is one read and sees every completed write. Every other method is one write. Of
/// racing changes that saw the same revision, one is made. A step is used up once.
#[async_trait]
pub trait CustomFactorStore: Send + Sync + std::fmt::Debug {
    /// Reads the user's factors. They are empty if the user has no item.
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError>;

    /// Writes `change` if the revision is still `seen`.
    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError>;

    /// Raises the epoch of factors: every trusted device is removed, and no earlier sign-in can be finished
    /// with a custom factor. For changes elsewhere: a password reset, or a change of the pool's own factors.
    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError>;

    /// Raises the epoch of factors, and records that the pool's authenticator is being replaced.
    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError>;

    /// Records whether a pool factor is on, with one conditional write. Writes nothing if the record already
    /// says so.
    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError>;

    /// Resets the counts of wrong answers with every factor and by name alone. Writes nothing for a user
    /// without an item.
    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError>;

    /// Records that the pool has a working authenticator again. Writes nothing for a user without an item.
    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError>;
}

/// What we learn about the pool's factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolFactorNote {
    /// A factor is on, since this time at the latest.
    On(Timestamp),
    /// The user turned the last factor off, after a proof. A user without other factors may set up a first
    /// one again.
    TurnedOff,
    /// No factor is on and none was proven: it was turned off outside our API.
    Missing,
}

/// The result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    Done,
    /// Another change came first. Nothing is written, and the caller must read again.
    Overtaken,
}

/// Seals seeds under a separate key.
///
/// Contract: a seed opens only for the user whom it was sealed for, in the same pool.
#[async_trait]
pub trait Seeds: Send + Sync + std::fmt::Debug {
    async fn seal(&self, user: &UserId, seed: &TotpSeed) -> Result<SealedSeed, PortError>;

    async fn open(&self, user: &UserId, sealed: &SealedSeed) -> Result<TotpSeed, PortError>;
}
