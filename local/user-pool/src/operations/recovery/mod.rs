//! A forgotten password.

mod confirm_forgot_password;
mod forgot_password;
mod reset;

use super::Operation;

pub(super) use reset::{recovery_attribute, send_reset_code};

pub(super) const OPERATIONS: &[Operation] = &[confirm_forgot_password::OPERATION, forgot_password::OPERATION];
