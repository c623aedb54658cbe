//! Signing in and out.

mod global_sign_out;
mod initiate_auth;
mod respond_to_auth_challenge;
mod revoke_token;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    global_sign_out::OPERATION,
    initiate_auth::OPERATION,
    respond_to_auth_challenge::OPERATION,
    revoke_token::OPERATION,
];
