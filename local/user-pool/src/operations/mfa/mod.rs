//! A user's factors.

mod associate_software_token;
pub(super) mod legacy_settings;
pub(super) mod preference;
mod set_user_mfa_preference;
mod set_user_settings;
mod verify_software_token;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    associate_software_token::OPERATION,
    set_user_mfa_preference::OPERATION,
    set_user_settings::OPERATION,
    verify_software_token::OPERATION,
];
