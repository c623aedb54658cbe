//! The shell of a user pool's triggers.
//!
//! It keeps the event as received, reads the values that we need, and sets `response`. Every other member,
//! known or not, goes back unchanged. Absent, `null` and empty are the same (cognito.md §1.1). An error that
//! leaves the shell is only a [`Refusal`]'s text.

mod create_auth_challenge;
mod custom_message;
mod custom_sender;
mod define_auth_challenge;
mod event;
mod outbound_messages;
mod post_authentication;
mod post_confirmation;
mod pre_authentication;
mod pre_sign_up;
mod pre_token_generation;
mod reconciliation;
mod recoveries;
mod rules;
mod shell;
mod verify_auth_challenge_response;

pub use create_auth_challenge::CreateAuthChallenge;
pub use custom_message::CustomMessage;
pub use custom_sender::CustomSender;
pub use define_auth_challenge::DefineAuthChallenge;
pub use event::Event;
pub use outbound_messages::{accept, serve_outbound_messages};
pub use post_authentication::PostAuthentication;
pub use post_confirmation::PostConfirmation;
pub use pre_authentication::PreAuthentication;
pub use pre_sign_up::PreSignUp;
pub use pre_token_generation::{PreTokenGeneration, SignInRecorder};
pub use reconciliation::{reconcile, serve_reconciliation};
pub use recoveries::{decide, serve_recoveries};
pub use shell::{Trigger, TriggerFault, answer, serve};
pub use verify_auth_challenge_response::VerifyAuthChallengeResponse;

use std::{future::Future, time::Duration};

use jiff::Timestamp;

use crate::{
    custom_auth::SigningIn,
    delivery::toll_fraud::{Completion, Destination, Governor},
    kernel::{EmailAddress, PhoneNumber, PortError, UserId, is_verified},
    telemetry::{self, Metric},
};

/// Runs bookkeeping that must not fail the sign-in, nor delay it by more than `limit`. Failures are logged
/// for the operator.
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

/// Reports to the governor that the user has completed a sign-in or a confirmation, with the addresses of the
/// event. Codes that were sent to a verified address have arrived.
async fn codes_arrived(
    governor: &Governor,
    user: &UserId,
    event: Event<'_>,
    now: Timestamp,
) -> Result<(), PortError> {
    let phone = event.attribute("phone_number").and_then(|number| PhoneNumber::parse(number).ok());
    let email = event.attribute("email").and_then(|email| EmailAddress::parse(email).ok());
    let completed = |destination, verified| Completion {
        user: user.clone(),
        destination,
        is_verified: is_verified(event.attribute(verified)),
    };
    let by_sms = phone.map(|number| completed(Destination::Sms(number), "phone_number_verified"));
    let by_email = email.map(|address| completed(Destination::Email(address), "email_verified"));
    let settle = async |completed: Option<Completion>| match completed {
        Some(completed) => governor.record_completion(&completed, now).await,
        None => Ok(None),
    };
    let (by_sms, by_email) = futures::join!(settle(by_sms), settle(by_email));
    if let Some(origin) = by_sms? {
        Metric::SmsVerified.emit_with(&origin.facts());
    }
    by_email.map(drop)
}

/// Returns the user who signs in. Only the pool's values count. Of the client's values we use only `locale`.
fn signing_in(event: Event<'_>) -> SigningIn<'_> {
    let verified = |name, verified| event.attribute(name).filter(|_| is_verified(event.attribute(verified)));
    let status = event.attribute("cognito:user_status");
    SigningIn {
        client_id: event.client_id(),
        user: event.user().filter(|_| !event.is_user_not_found()),
        user_name: event.user_name(),
        email: verified("email", "email_verified").and_then(|email| EmailAddress::parse(email).ok()),
        phone: verified("phone_number", "phone_number_verified")
            .and_then(|number| PhoneNumber::parse(number).ok()),
        must_change_password: matches!(status, Some("FORCE_CHANGE_PASSWORD" | "RESET_REQUIRED")),
        locales: event.locales(),
    }
}
