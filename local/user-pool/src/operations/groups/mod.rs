//! Groups and their members.

mod admin_add_user_to_group;
mod admin_list_groups_for_user;
mod admin_remove_user_from_group;
mod create_group;
mod delete_group;
mod get_group;
mod list_groups;
mod list_users_in_group;
mod update_group;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    admin_add_user_to_group::OPERATION,
    admin_list_groups_for_user::OPERATION,
    admin_remove_user_from_group::OPERATION,
    create_group::OPERATION,
    delete_group::OPERATION,
    get_group::OPERATION,
    list_groups::OPERATION,
    list_users_in_group::OPERATION,
    update_group::OPERATION,
];
