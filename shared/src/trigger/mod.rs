//! The shell of a user pool's triggers.
//!
//! The event is kept as it came: what we need is read out of it, `response` gets what we answer,
//! and everything else, known or not, goes back untouched. Absent, `null` and empty are the same
//! (COGNITO.md §1.1). An error that leaves here is a [`Refusal`]'s text and nothing else.

mod event;
mod post_authentication;
mod post_confirmation;
mod pre_authentication;
mod pre_sign_up;
mod shell;

pub use event::Event;
pub use post_authentication::PostAuthentication;
pub use post_confirmation::PostConfirmation;
pub use pre_authentication::PreAuthentication;
pub use pre_sign_up::PreSignUp;
pub use shell::{Trigger, TriggerFault, answer, serve};

use std::{future::Future, time::Duration};

use crate::{kernel::PortError, telemetry};

/// Does bookkeeping that must not fail the sign-in it belongs to, nor hold it up for longer than
/// `limit`. What goes wrong is the operator's to see.
async fn best_effort<T>(
    operation: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, PortError>>,
) -> Option<T> {
    let outcome = match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(PortError::new(operation, elapsed)),
    };
    outcome.inspect_err(telemetry::dependency_failed).ok()
}
