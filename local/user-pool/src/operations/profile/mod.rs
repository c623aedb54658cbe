//! What signed-in users read and change of themselves.

mod attribute_update;
mod change_password;
mod delete_user;
mod delete_user_attributes;
mod get_user;
mod get_user_attribute_verification_code;
mod get_user_auth_factors;
mod update_user_attributes;
mod verify_user_attribute;

use super::Operation;

pub(super) use attribute_update::{AttributeUpdate, delete_attributes};

pub(super) const OPERATIONS: &[Operation] = &[
    change_password::OPERATION,
    delete_user::OPERATION,
    delete_user_attributes::OPERATION,
    get_user::OPERATION,
    get_user_attribute_verification_code::OPERATION,
    get_user_auth_factors::OPERATION,
    update_user_attributes::OPERATION,
    verify_user_attribute::OPERATION,
];
