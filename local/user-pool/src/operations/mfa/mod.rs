//! A user's factors.

mod associate_software_token;
mod preference;
mod set_user_mfa_preference;
mod verify_software_token;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    associate_software_token::OPERATION,
    set_user_mfa_preference::OPERATION,
    verify_software_token::OPERATION,
];
