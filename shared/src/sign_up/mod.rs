//! Who may sign up, one account an address, and what is kept of it.

mod address_claims;
mod admission;
mod canonical;
mod confirmation;
mod link;
mod reconcile;
mod unique;
mod upkeep;

pub use address_claims::{
    AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, FirmClaim, HOLD, HOLDS_A_DAY,
};
pub use admission::{Admission, Candidate, admit};
pub use confirmation::{ConfirmedUsers, Recorded, welcome_id};
pub use link::{FederatedIdentity, FederatedLinks, Linked, Linking};
pub use reconcile::{AddressConflict, KeptClaim, KnownAddress, ListedUser, Reconciliation, StaleClaim};
pub use unique::{Availability, UniqueAddresses, UniqueSettings};
pub use upkeep::{
    ClaimPlace, ClaimsReview, Done, PASS_EVERY, Phase, PoolUsers, Progress, Reviewed, Run, Standing, Upkeep,
    UsersPage,
};
