//! Remembered devices, as their users and administrators see them.

mod admin_forget_device;
mod admin_get_device;
mod admin_list_devices;
mod admin_update_device_status;
mod confirm_device;
mod forget_device;
mod get_device;
mod list_devices;
mod update_device_status;

use super::Operation;
use crate::protocol::error::{ApiError, ErrorCode};

pub(super) const OPERATIONS: &[Operation] = &[
    admin_forget_device::OPERATION,
    admin_get_device::OPERATION,
    admin_list_devices::OPERATION,
    admin_update_device_status::OPERATION,
    confirm_device::OPERATION,
    forget_device::OPERATION,
    get_device::OPERATION,
    list_devices::OPERATION,
    update_device_status::OPERATION,
];

fn no_device() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "Device does not exist.")
}
