//! Recovery of an account whose authenticator is lost.
//!
//! A [`Case`] is opened with name and password, proven by a recovery code, and finished with a new
//! password. Whoever opened it holds a secret of 256 bits, and nothing else advances the case. The answers
//! are the same for a name that is no user's, for a wrong password and for a user beyond a limit: such a
//! case is played to its end and leads nowhere. By policy a code that is mailed takes the place of the
//! recovery code, after days in which the owner, who is told, can stop it.
//!
//! The public API decides nothing. It asks the [`Desk`], a function that nobody but it can invoke.

mod case;
mod desk;
mod port;
mod removal;
mod secret;
mod use_cases;

pub use case::{Case, Ending, HandOver, Phase, RunIds, Step, Wait, WaitIds, Work};
pub use desk::{Answer, Ask, Desk, Standing, State};
pub use port::{
    Account, Accounts, Cases, PasswordSet, Passwords, PreferenceSet, RecoveryCodes, Spent, Swapped, Tries,
    Trying,
};
pub use removal::{PoolMfa, PoolRules, Removal, lost, plan};
pub use secret::{CaseKey, CaseSecret, InvalidPassword, Password, PasswordMark};
pub use use_cases::{Recovery, RecoveryFault, RecoveryPorts, RecoverySettings, remove};
