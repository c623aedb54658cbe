//! The two `WebAuthn` ceremonies. `webauthn_rp` checks what browsers send: challenge, type, origin, relying party,
//! user presence and verification, signature, counter and backup flags.
//!
//! A ceremony's state holds its challenge. The caller stores the state and uses it once.

mod assertion;
mod registration;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use webauthn_rp::{
    bin::{Decode as _, Encode as _},
    request::register::UserHandle,
    response::register::DynamicState,
};

pub use assertion::{AssertedPasskey, AssertionCeremony};
pub use registration::RegistrationCeremony;

use crate::{factors::enrolment::FriendlyDeviceName, kernel::UserId};

/// Length of a user handle in bytes.
const HANDLE_LENGTH: usize = 32;

type Handle = UserHandle<HANDLE_LENGTH>;

/// A passkey that the user registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub name: FriendlyDeviceName,
    pub created_at: Timestamp,
    pub credential: PasskeyCredential,
}

/// What verifies the assertions of a passkey. The bytes are those of `webauthn_rp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyCredential {
    /// The id that the authenticator gave. It is no secret.
    pub id: Vec<u8>,
    /// The public key and the properties that never change.
    pub fixed: Vec<u8>,
    /// The counter and the flags of the last assertion.
    pub state: [u8; 7],
    /// The ways to reach the authenticator, as bits.
    pub transports: u8,
}

/// A browser's answer that a ceremony refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid answer of a passkey")]
pub struct PasskeyRefused;

impl PasskeyRefused {
    /// Logs the reason at the level `debug`, which deployed builds leave out: a fault can repeat a part of the
    /// answer. The caller learns only that the answer is refused.
    fn because(fault: &dyn std::fmt::Display) -> Self {
        tracing::debug!(%fault, "passkey refused");
        Self
    }
}

/// Returns the handle that authenticators keep with a passkey.
///
/// It is not the `sub`: an authenticator keeps one passkey for each relying party and handle. So a passkey of the
/// pool itself, which has the `sub`, stays beside ours.
fn handle(user: &UserId) -> Handle {
    let bytes: [u8; HANDLE_LENGTH] =
        Sha256::new().chain_update("cognito-mfa/passkey/1\n").chain_update(user.as_str()).finalize().into();
    let Ok(handle) = Handle::decode(bytes);
    handle
}

fn state_bytes(state: DynamicState) -> [u8; 7] {
    let Ok(bytes) = state.encode();
    bytes
}
