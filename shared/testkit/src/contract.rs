//! Contract tests of the ports. The in-memory ports and the adapters run the same tests.

mod address_claims;
mod api_limits;
mod audit;
mod budgets;
mod challenges;
mod custom_factors;
mod delivery;
mod pool_factors;
mod recovery;
mod sign_in;

use mfa_core::kernel::UserId;

pub use address_claims::{address_claims, claim_scan_contract, federated_links};
pub use api_limits::{call_counts, requests};
pub use audit::{audit_log, audit_trail};
pub use budgets::{bookings, budgets, history};
pub use challenges::challenges;
pub use custom_factors::{custom_factors, seeds};
pub use delivery::claims;
pub use pool_factors::{address_book, device_labels, device_registry, native_factors, verification_requests};
pub use recovery::{cases, recovery_codes, sign_in_records, tries, user_items};
pub use sign_in::{back_off, confirmed_users, sign_in_history, sign_in_ledger};

const RACING: usize = 50;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a valid id")
}
