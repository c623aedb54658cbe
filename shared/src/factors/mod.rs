//! A signed-in user's factors: those of the user pool, and [`own`], those that are ours.

mod enrolment;
pub mod own;
mod port;
mod preference;
mod use_cases;

pub use enrolment::{Enrolment, FriendlyDeviceName, InvalidDeviceName, TotpSecret};
pub use port::{NativeFactors, Profile, TotpVerification, UserPoolFault};
pub use preference::{Block, FactorState, PreferenceChange, PreferenceRequest, Setting};
pub use use_cases::{FactorFault, Factors, SignedIn};
