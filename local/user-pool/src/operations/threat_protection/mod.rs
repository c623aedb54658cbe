//! Threat protection: what to do about risk, and the sign-ins it saw.

mod admin_list_user_auth_events;
mod admin_update_auth_event_feedback;
mod describe_risk_configuration;
mod set_risk_configuration;
mod update_auth_event_feedback;

use super::Operation;
use crate::UserPools;
use crate::model::auth_event::Feedback;
use crate::model::pool::Pool;
use crate::model::risk::UserPoolAddOns;
use crate::protocol::error::{ApiError, ErrorCode};

pub(super) const OPERATIONS: &[Operation] = &[
    admin_list_user_auth_events::OPERATION,
    admin_update_auth_event_feedback::OPERATION,
    describe_risk_configuration::OPERATION,
    set_risk_configuration::OPERATION,
    update_auth_event_feedback::OPERATION,
];

/// Every operation here needs the add-on.
fn check_add_on(pool: &Pool) -> Result<(), ApiError> {
    if pool.settings.user_pool_add_ons.as_ref().is_some_and(UserPoolAddOns::is_on) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UserPoolAddOnNotEnabled,
        format!("User pool {} does not have user pool add-ons enabled.", pool.id),
    ))
}

/// `FeedbackValue` on one event of one user.
struct NewFeedback<'a> {
    pool_id: &'a str,
    username: &'a str,
    event_id: &'a str,
    value: &'a str,
    provider: &'static str,
    /// The token of the notification, from a caller who is not an administrator.
    token: Option<&'a str>,
}

fn give(pools: &UserPools, feedback: &NewFeedback<'_>) -> Result<(), ApiError> {
    let pool = pools.store.pool(feedback.pool_id)?;
    check_add_on(&pool)?;
    let user = pools.store.named_user(&pool.id, feedback.username)?;
    pools.store.update_auth_event(&pool.id, &user.sub, feedback.event_id, |event| {
        let expected = event.feedback_token.as_ref();
        if let Some(token) = feedback.token
            && !expected.is_some_and(|expected| expected.matches(token))
        {
            return Err(ApiError::not_authorized("Invalid feedback token."));
        }
        event.feedback = Some(Feedback {
            value: feedback.value.to_owned(),
            provider: feedback.provider.to_owned(),
            given: pools.now(),
        });
        Ok(())
    })
}
