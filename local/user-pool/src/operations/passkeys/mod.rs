//! A user's passkeys.

mod complete_web_authn_registration;
mod delete_web_authn_credential;
mod list_web_authn_credentials;
mod start_web_authn_registration;

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    complete_web_authn_registration::OPERATION,
    delete_web_authn_credential::OPERATION,
    list_web_authn_credentials::OPERATION,
    start_web_authn_registration::OPERATION,
];

/// Passkeys a user (cognito.md §9.2).
const MOST: usize = 20;
