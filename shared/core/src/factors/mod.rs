//! A signed-in user's factors: pool factors and [`custom`] factors.

mod activity;
mod address;
mod change_guard;
pub mod custom;
mod devices;
mod enrolment;
mod pool_factor_service;
mod port;
mod preference;
mod resend_cooldown;

pub use activity::ActivityService;
pub use address::{AddressBook, AddressService, AddressVerification};
pub use change_guard::{AppClientDirectory, FactorChangeGuard, FactorChangePorts, FactorFault, SignedIn};
pub use devices::{
    DeviceId, DeviceLabels, DeviceRegistry, DeviceService, InvalidDeviceId, PoolDevice, RememberedDevice,
};
pub use enrolment::{FriendlyDeviceName, InvalidDeviceName, TotpEnrolment, TotpSecret, otpauth_uri};
pub use pool_factor_service::PoolFactorService;
pub use port::{Contacts, NativeFactors, Profile, TotpVerification, UserPoolFault};
pub use preference::{
    Block, FactorState, PreferenceChange, PreferenceRequest, PreferenceTag, PreferredMfa, Setting,
};
pub use resend_cooldown::{ResendCooldown, VerificationRequests};
