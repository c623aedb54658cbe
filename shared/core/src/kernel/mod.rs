//! Types that every capability uses.

mod address;
mod clock;
mod code;
mod custom_factor;
mod entropy;
mod hash_key;
mod pool_factor;
mod port_error;
mod refusal;
mod relying_party;
mod rule_message;
mod token;
mod typed;
mod user;
mod verified;

pub use address::{EmailAddress, InvalidEmail, InvalidPhone, PhoneNumber};
pub use clock::{Clock, SystemClock};
pub use code::{InvalidCode, OneTimeCode};
pub use custom_factor::CustomFactor;
pub use entropy::{Entropy, SystemEntropy};
pub use hash_key::HashKey;
pub use pool_factor::PoolFactor;
pub use port_error::PortError;
pub use refusal::Refusal;
pub use relying_party::{InvalidRelyingParty, RelyingParty};
pub use rule_message::{InvalidMessage, RuleMessage};
pub use token::AccessToken;
pub(crate) use typed::symbols;
pub use user::{InvalidUser, UserId};
pub use verified::is_verified;
