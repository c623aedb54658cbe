//! Recovery of an account whose authenticator is lost.
//!
//! A caller opens a [`Case`](case::Case) with name and password, proves it with a recovery code, and finishes it with a
//! new password. The caller who opened it holds a secret of 256 bits, and nothing else advances the case. An
//! unknown name, a wrong password and a user beyond a limit get the same answers. Such a case runs to its end
//! as a decoy. If the policy allows it, a mailed code replaces the recovery code. The owner is notified and
//! has days to stop the case.
//!
//! The public API decides nothing. It calls the [`RecoveryService`], a function that only the API can invoke.

pub mod case;
mod case_service;
pub mod port;
mod removal;
mod secret;
mod service;

pub use case_service::{CaseService, RecoveryFault, RecoveryPorts, RecoverySettings, remove};
pub use removal::{FactorRemoval, PoolMfa, PoolRules, lost, plan};
pub use secret::{CaseKey, CaseSecret, InvalidPassword, Password, PasswordFingerprint};
pub use service::{CaseStatus, CaseView, RecoveryCommand, RecoveryReply, RecoveryService};
