//! What administrators do with users.

mod admin_confirm_sign_up;
mod admin_create_user;
mod admin_delete_software_token;
mod admin_delete_user;
mod admin_delete_user_attributes;
mod admin_disable_user;
mod admin_enable_user;
mod admin_get_user;
mod admin_get_user_auth_factors;
mod admin_initiate_auth;
mod admin_link_provider_for_user;
mod admin_reset_user_password;
mod admin_respond_to_auth_challenge;
mod admin_set_user_mfa_preference;
mod admin_set_user_password;
mod admin_set_user_settings;
mod admin_update_user_attributes;
mod admin_user_global_sign_out;
mod filter;
mod list_users;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    admin_confirm_sign_up::OPERATION,
    admin_create_user::OPERATION,
    admin_delete_software_token::OPERATION,
    admin_delete_user::OPERATION,
    admin_delete_user_attributes::OPERATION,
    admin_disable_user::OPERATION,
    admin_enable_user::OPERATION,
    admin_get_user::OPERATION,
    admin_get_user_auth_factors::OPERATION,
    admin_initiate_auth::OPERATION,
    admin_link_provider_for_user::OPERATION,
    admin_reset_user_password::OPERATION,
    admin_respond_to_auth_challenge::OPERATION,
    admin_set_user_mfa_preference::OPERATION,
    admin_set_user_password::OPERATION,
    admin_set_user_settings::OPERATION,
    admin_update_user_attributes::OPERATION,
    admin_user_global_sign_out::OPERATION,
    list_users::OPERATION,
];
