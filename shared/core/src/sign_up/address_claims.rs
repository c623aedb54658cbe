use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::kernel::{PortError, UserId};

/// Time for which an unconfirmed sign-up reserves its address.
pub const RESERVATION_TIME: SignedDuration = SignedDuration::from_mins(10);
/// Number of reservations of an address within a [`DAY`]. More would let a stranger keep an address from its
/// owner.
pub const RESERVATIONS_PER_DAY: usize = 3;
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The key of an address claim: a keyed hash of the canonical address, with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressKey(String);

impl AddressKey {
    pub fn new(hash: String) -> Self {
        Self(hash)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person who signs up, before there is a `sub`: a keyed hash of the user name. A repeated trigger, or a
/// person who starts over, therefore finds the same claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CandidateKey(String);

impl CandidateKey {
    pub fn new(hash: String) -> Self {
        Self(hash)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClaim {
    /// The candidate holds the address for [`RESERVATION_TIME`].
    Reserved,
    /// The address is free but not reserved, because the reservations of the day are used up. The first user
    /// to confirm owns it.
    Unreserved,
    /// An account, or currently another candidate, has the address.
    Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnershipClaim {
    Owned,
    /// Another account owns the address. This is possible only without a reservation.
    Conflict,
}

/// Makes addresses unique.
///
/// Contract: each method is one conditional write. Of racing claims of different candidates on a free address
/// exactly one is [`AddressClaim::Reserved`]. A repeated claim of the same candidate stays reserved and is
/// not prolonged. Unconfirmed claims block others for at most [`RESERVATION_TIME`] each, and
/// [`RESERVATIONS_PER_DAY`] times within any [`DAY`]. Of racing confirmations by different users exactly one
/// becomes owned, permanently, and stays owned when repeated. An owned claim ends all reservations of the
/// address. Only `release` by its owner ends an owned claim.
#[async_trait]
pub trait AddressClaims: Send + Sync + std::fmt::Debug {
    async fn claim(
        &self,
        address: &AddressKey,
        candidate: &CandidateKey,
        now: Timestamp,
    ) -> Result<AddressClaim, PortError>;

    async fn confirm(
        &self,
        address: &AddressKey,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<OwnershipClaim, PortError>;

    /// Ends the owner's owned claim, as if the address was never claimed. Returns false if the owner has no
    /// such claim.
    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError>;
}
