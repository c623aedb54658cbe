//! A passkey: a user's `WebAuthn` credential.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire_time;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Passkey {
    /// Base64url, as browsers write it.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The domain that it was made for.
    pub(crate) relying_party: String,
    /// `platform` or `cross-platform`.
    pub(crate) attachment: Option<String>,
    pub(crate) transports: Vec<String>,
    pub(crate) created: Timestamp,
    /// Public key and fixed facts, in `webauthn_rp`'s encoding, base64.
    pub(crate) fixed: String,
    /// Signature counter, backup state and the like, in `webauthn_rp`'s encoding.
    pub(crate) state: [u8; 7],
    /// Transports in `webauthn_rp`'s encoding.
    pub(crate) transport_bits: u8,
}

impl Passkey {
    /// The shape `WebAuthnCredentialDescription`.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "CredentialId": self.id,
            "FriendlyCredentialName": self.name,
            "RelyingPartyId": self.relying_party,
            "AuthenticatorAttachment": self.attachment,
            "AuthenticatorTransports": self.transports,
            "CreatedAt": wire_time(self.created),
        })
    }
}
