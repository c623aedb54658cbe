//! The small vocabulary that every capability shares.

mod address;
mod clock;
mod code;
mod entropy;
mod factor;
mod hash_key;
mod own_factor;
mod port_error;
mod refusal;
mod rule_message;
mod token;
mod typed;
mod user;

pub use address::{EmailAddress, InvalidEmail, InvalidPhone, PhoneNumber};
pub use clock::{Clock, SystemClock};
pub use code::{InvalidCode, OneTimeCode};
pub use entropy::{Entropy, SystemEntropy};
pub use factor::Factor;
pub use hash_key::HashKey;
pub use own_factor::OwnFactor;
pub use port_error::PortError;
pub use refusal::Refusal;
pub use rule_message::{InvalidMessage, RuleMessage};
pub use token::AccessToken;
pub(crate) use typed::symbols;
pub use user::{InvalidUser, UserId};
