//! Recovery of an account whose authenticator is lost.
//!
//! A [`Case`] is opened with name and password, proven by a recovery code, and finished with a new
//! password. The caller who opened it holds a secret of 256 bits, and nothing else advances the case. The answers
//! are the same for a name that is no user's, for a wrong password and for a user beyond a limit: such a
//! case runs to its end as a decoy. By policy a code that is mailed takes the place of the
//! recovery code, after days in which the owner, who is told, can stop it.
//!
//! The public API decides nothing. It asks the [`RecoveryService`], a function that only it can invoke.

mod case;
mod case_service;
mod port;
mod removal;
mod secret;
mod service;

pub use case::{
    Case, CaseEnding, CasePhase, EscalationReason, MailWait, MailWaitIds, RecoveryStep, RecoveryWork, RunIds,
};
pub use case_service::{CaseService, RecoveryFault, RecoveryPorts, RecoverySettings, remove};
pub use port::{
    Account, Accounts, AttemptKind, AttemptLimiter, Cases, PasswordOutcome, Passwords, PreferenceOutcome,
    RecoveryCodes, RedeemOutcome, SwapOutcome,
};
pub use removal::{FactorRemoval, PoolMfa, PoolRules, lost, plan};
pub use secret::{CaseKey, CaseSecret, InvalidPassword, Password, PasswordFingerprint};
pub use service::{CaseStatus, CaseView, RecoveryCommand, RecoveryReply, RecoveryService};
