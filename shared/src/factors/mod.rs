//! A signed-in user's factors: those of the user pool, and [`own`], those that are ours.

mod access;
mod activity;
mod address;
mod code_waits;
mod enrolment;
pub mod own;
mod port;
mod preference;
mod remembered;
mod use_cases;

pub use access::{Access, AppClientDirectory, FactorFault, GuardPorts, SignedIn};
pub use activity::Activity;
pub use address::{AddressBook, AddressVerification, Addresses};
pub use code_waits::{AddressCodes, CodeWaits};
pub use enrolment::{Enrolment, FriendlyDeviceName, InvalidDeviceName, TotpSecret, otpauth_uri};
pub use port::{Contacts, NativeFactors, Profile, TotpVerification, UserPoolFault};
pub use preference::{
    Block, FactorState, PreferenceChange, PreferenceRequest, PreferenceTag, PreferredMfa, Setting,
};
pub use remembered::{
    DeviceId, DeviceLabels, DeviceRegistry, InvalidDeviceId, PoolDevice, RememberedDevice, RememberedDevices,
};
pub use use_cases::Factors;
