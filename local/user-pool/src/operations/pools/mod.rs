//! User pools and their MFA configuration.

mod add_custom_attributes;
mod create_user_pool;
mod delete_user_pool;
mod describe_user_pool;
mod get_user_pool_mfa_config;
mod list_user_pools;
mod set_user_pool_mfa_config;
mod settings;
mod update_user_pool;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    add_custom_attributes::OPERATION,
    create_user_pool::OPERATION,
    delete_user_pool::OPERATION,
    describe_user_pool::OPERATION,
    get_user_pool_mfa_config::OPERATION,
    list_user_pools::OPERATION,
    set_user_pool_mfa_config::OPERATION,
    update_user_pool::OPERATION,
];
