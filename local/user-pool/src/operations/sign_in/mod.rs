//! Signing in and out.

mod get_tokens_from_refresh_token;
mod global_sign_out;
mod initiate_auth;
mod respond_to_auth_challenge;
mod revoke_token;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    get_tokens_from_refresh_token::OPERATION,
    global_sign_out::OPERATION,
    initiate_auth::OPERATION,
    respond_to_auth_challenge::OPERATION,
    revoke_token::OPERATION,
];
