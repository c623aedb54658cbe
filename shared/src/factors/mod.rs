//! A signed-in user's own factors, as the user pool keeps them.

mod enrolment;
mod port;
mod preference;
mod use_cases;

pub use enrolment::{Enrolment, FriendlyDeviceName, InvalidDeviceName, TotpSecret};
pub use port::{NativeFactors, Profile, TotpVerification, UserPoolFault};
pub use preference::{Block, FactorState, PreferenceChange, PreferenceRequest, Setting};
pub use use_cases::{FactorFault, Factors, SignedIn};
