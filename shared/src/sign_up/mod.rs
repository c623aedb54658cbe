//! Sign-up: who may sign up, one account per address, and address claims.

mod address_claims;
mod admission;
mod canonical;
mod claim_reconciler;
mod confirmation;
mod link;
mod reconcile;
mod unique;

pub use address_claims::{
    AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, OwnershipClaim, RESERVATION_TIME,
    RESERVATIONS_PER_DAY,
};
pub use admission::{Admission, Candidate, admit};
pub use claim_reconciler::{
    ClaimCursor, ClaimReconciler, ClaimReview, ClaimScan, PASS_EVERY, PassPhase, PassProgress, PassStatus,
    PassTotals, PoolUsers, RunOutcome, UsersPage,
};
pub use confirmation::{ConfirmedUsers, Recorded, welcome_id};
pub use link::{FederatedIdentity, FederatedLinks, Linked, Linking};
pub use reconcile::{AddressConflict, KnownAddress, ListedUser, Reconciliation, StaleClaim, StoredClaim};
pub use unique::{Availability, UniqueAddresses, UniqueSettings};
