use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::kernel::{PortError, UserId};

/// How long an unconfirmed sign-up reserves its address.
pub const RESERVATION_TIME: SignedDuration = SignedDuration::from_mins(10);
/// How often within a [`DAY`]. More would let a stranger keep an address from its owner.
pub const RESERVATIONS_PER_DAY: usize = 3;
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What an address is claimed under: a keyed hash of its canonical form, with its kind.
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

/// Who signs up, before there is a `sub`: a keyed hash of the user name, so that a trigger that runs
/// again, and a person who starts over, find their own claim.
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
    /// The candidate's for [`RESERVATION_TIME`].
    Reserved,
    /// Free and not reserved: the reservations of the day are used up. The first to confirm owns it.
    Unreserved,
    /// An account's, or another candidate's at the moment.
    Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnershipClaim {
    Owned,
    /// Another account owns it. Possible only without a reservation.
    Conflict,
}

/// Makes addresses unique.
///
/// Contract: each method is one conditional write. Of racing claims of different candidates on a free
/// address exactly one is [`AddressClaim::Reserved`]; a candidate's own claim, repeated, is held still and not
/// prolonged. Unconfirmed claims hold others off for at most [`RESERVATION_TIME`] each and [`RESERVATIONS_PER_DAY`] times within
/// any [`DAY`]. Of racing confirmations by different users exactly one is firm, for good, and repeated is
/// firm again; whatever was held is then over. A firm claim ends by `release` only, and only its owner's.
#[async_trait]
pub trait AddressClaims: Send + Sync {
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

    /// Ends the owner's firm claim: the address is free, as if never claimed. False where they have none.
    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError>;
}
