//! A signed-in user's factors: pool factors and [`custom`] factors.

mod activity;
mod address;
mod change_guard;
pub mod custom;
pub mod devices;
pub mod enrolment;
mod pool_factor_service;
mod port;
pub mod preference;
mod resend_cooldown;

pub use activity::ActivityService;
pub use address::{AddressBook, AddressService, AddressVerification};
pub use change_guard::{AppClientDirectory, FactorChangeGuard, FactorChangePorts, FactorFault, SignedIn};
pub use pool_factor_service::PoolFactorService;
pub use port::{Contacts, NativeFactors, Profile, TotpVerification, UserPoolFault};
pub use resend_cooldown::{ResendCooldown, VerificationRequests};
