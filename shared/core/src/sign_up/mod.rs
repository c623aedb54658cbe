//! Sign-up: who may sign up, one account per address, and address claims.

mod address_claims;
mod admission;
mod canonical;
pub mod claim_reconciler;
mod confirmation;
mod link;
mod listed_user;
mod unique;

pub use address_claims::{
    AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, OwnershipClaim, RESERVATION_TIME,
    RESERVATIONS_PER_DAY,
};
pub use admission::{Admission, Candidate, admit};
pub use confirmation::{ConfirmedUsers, Recorded, welcome_id};
pub use link::{FederatedIdentity, FederatedLinks, Linked, Linking};
pub use listed_user::{KnownAddress, ListedUser, StoredClaim};
pub use unique::{Availability, UniqueAddresses, UniqueSettings};
