//! The shell of the HTTP functions: axum routers behind API Gateway (payload 2.0), problem documents
//! (RFC 9457), JSON bodies read member by member.

mod admin;
mod body;
mod changes;
mod mfa;
mod origin;
mod problem;
mod recovery;
mod route;
mod shell;
mod signed_in;

pub use admin::admin_api;
pub use mfa::{MfaServices, mfa_api};
pub use origin::Origin;
pub use problem::Problem;
pub use recovery::{RecoveryFront, RecoveryFrontSettings, recovery_api};
pub use shell::serve;
