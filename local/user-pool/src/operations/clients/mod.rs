//! App clients.

mod create_user_pool_client;
mod delete_user_pool_client;
mod describe_user_pool_client;
mod list_user_pool_clients;
mod settings;
mod update_user_pool_client;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    create_user_pool_client::OPERATION,
    delete_user_pool_client::OPERATION,
    describe_user_pool_client::OPERATION,
    list_user_pool_clients::OPERATION,
    update_user_pool_client::OPERATION,
];
