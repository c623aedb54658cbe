//! `LimitExceededException` per user and hour (cognito.md §9.1). Off unless the switch is on; the
//! counts live in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::UserPools;
use crate::protocol::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limited {
    ResendConfirmationCode,
    ConfirmSignUp,
    ChangePassword,
    GetUserAttributeVerificationCode,
    VerifyUserAttribute,
    /// `ForgotPassword` and `ConfirmForgotPassword`: 5 to 20, as risk is judged; here the least.
    ForgotPassword,
}

impl Limited {
    fn per_hour(self) -> usize {
        match self {
            Self::ConfirmSignUp | Self::VerifyUserAttribute => 15,
            Self::ResendConfirmationCode
            | Self::ChangePassword
            | Self::GetUserAttributeVerificationCode
            | Self::ForgotPassword => 5,
        }
    }
}

#[derive(Default)]
pub(crate) struct HourlyLimits(Mutex<HashMap<(String, String, Limited), Vec<Timestamp>>>);

impl UserPools {
    /// Counts one call, if calls are counted.
    pub(crate) fn count_call(&self, pool: &str, name: &str, what: Limited) -> Result<(), ApiError> {
        if !self.switches().hourly_limits {
            return Ok(());
        }
        let now = self.now();
        let mut calls = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.entry((pool.to_owned(), name.to_owned(), what)).or_default();
        calls.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(1));
        if calls.len() >= what.per_hour() {
            return Err(ApiError::limit_exceeded());
        }
        calls.push(now);
        Ok(())
    }
}
