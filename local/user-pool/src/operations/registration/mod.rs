//! How a user comes in by themselves.

mod confirm_sign_up;
mod confirmation;
mod resend_confirmation_code;
mod sign_up;

use super::Operation;

pub(crate) use confirmation::{PreSignUpEvent, new_username, post_confirmation, pre_sign_up};

pub(super) const OPERATIONS: &[Operation] =
    &[confirm_sign_up::OPERATION, resend_confirmation_code::OPERATION, sign_up::OPERATION];
