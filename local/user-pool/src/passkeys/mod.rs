//! The two `WebAuthn` ceremonies (cognito.md §3.11). `webauthn_rp` checks what browsers send: challenge, origin,
//! relying party, user verification, signature, counter.

mod assertion;
mod registration;
mod relying_party;

pub(crate) use assertion::{Assertion, check_assertion};
pub(crate) use registration::{Registrant, Registrations};
pub(crate) use relying_party::{RelyingParty, check};

use webauthn_rp::request::register::UserHandle;

use crate::model::user::User;
use crate::protocol::error::ApiError;

/// A `sub` as text.
const HANDLE_LENGTH: usize = 36;

type Handle = UserHandle<HANDLE_LENGTH>;

/// The handle that authenticators keep with a passkey: the user's `sub`.
fn handle(user: &User) -> Result<Handle, ApiError> {
    use webauthn_rp::bin::Decode as _;

    let bytes: [u8; HANDLE_LENGTH] = user.sub.as_bytes().try_into().map_err(ApiError::internal)?;
    let Ok(handle) = Handle::decode(bytes);
    Ok(handle)
}
