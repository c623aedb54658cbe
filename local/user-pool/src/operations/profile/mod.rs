//! What signed-in users read and change of themselves.

mod get_user;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[get_user::OPERATION];
