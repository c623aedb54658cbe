//! The four algorithm suites that Cognito uses or may use one day (cognito.md §2.2). All encrypt with
//! AES-256-GCM and 12-byte IVs. They differ in key derivation, commitment and signature.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    constant_time,
    hkdf::{self, HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, KeyType, Salt},
    signature::{ECDSA_P384_SHA384_ASN1, UnparsedPublicKey},
};
use zeroize::Zeroizing;

use super::Unreadable;

pub(super) const TAG: usize = 16;
pub(super) const IV: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suite {
    /// `0x0178`: HKDF-SHA-256.
    Derived,
    /// `0x0378`: HKDF-SHA-384, ECDSA P-384. Cognito uses this suite today.
    DerivedSigned,
    /// `0x0478`: HKDF-SHA-512 with key commitment.
    Committed,
    /// `0x0578`: HKDF-SHA-512 with key commitment, and ECDSA P-384.
    CommittedSigned,
}

impl Suite {
    pub(super) fn from_id(version: u8, id: [u8; 2]) -> Option<Self> {
        match (version, id) {
            (1, [0x01, 0x78]) => Some(Self::Derived),
            (1, [0x03, 0x78]) => Some(Self::DerivedSigned),
            (2, [0x04, 0x78]) => Some(Self::Committed),
            (2, [0x05, 0x78]) => Some(Self::CommittedSigned),
            _ => None,
        }
    }

    fn id(self) -> [u8; 2] {
        match self {
            Self::Derived => [0x01, 0x78],
            Self::DerivedSigned => [0x03, 0x78],
            Self::Committed => [0x04, 0x78],
            Self::CommittedSigned => [0x05, 0x78],
        }
    }

    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::DerivedSigned | Self::CommittedSigned)
    }

    /// Derives the key that encrypts header and frame, after a check of the commitment.
    pub(super) fn content_key(
        self,
        data_key: &[u8; 32],
        message_id: &[u8],
        commitment: Option<&[u8]>,
    ) -> Result<ContentKey, Unreadable> {
        let id = self.id();
        let derived = match self {
            Self::Derived => derive(HKDF_SHA256, &[], data_key, &[&id, message_id]),
            Self::DerivedSigned => derive(HKDF_SHA384, &[], data_key, &[&id, message_id]),
            Self::Committed | Self::CommittedSigned => {
                let expected = derive(HKDF_SHA512, message_id, data_key, &[b"COMMITKEY"])?;
                constant_time::verify_slices_are_equal(expected.as_ref(), commitment.unwrap_or_default())
                    .map_err(|_| Unreadable::Forged("the key commitment"))?;
                derive(HKDF_SHA512, message_id, data_key, &[&id, b"DERIVEKEY"])
            }
        }?;
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref())
            .map_err(|_| Unreadable::Forged("the data key"))?;
        Ok(ContentKey(LessSafeKey::new(key)))
    }
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(
    algorithm: hkdf::Algorithm,
    salt: &[u8],
    data_key: &[u8; 32],
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; 32]>, Unreadable> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(algorithm, salt)
        .extract(data_key)
        .expand(info, Length32)
        .and_then(|material| material.fill(key.as_mut()))
        .map_err(|_| Unreadable::Forged("the data key"))?;
    Ok(key)
}

pub(super) struct ContentKey(LessSafeKey);

impl ContentKey {
    /// Decrypts `sealed` (ciphertext, then tag) if it belongs to `iv` and `aad`.
    pub(super) fn open(&self, iv: [u8; IV], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let length =
            self.0.open_in_place(Nonce::assume_unique_for_key(iv), Aad::from(aad), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

/// Verifies the footer's signature over the whole message before it.
pub(super) fn verify_signature(
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Unreadable> {
    UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, public_key)
        .verify(message, signature)
        .map_err(|_| Unreadable::Forged("the signature"))
}
