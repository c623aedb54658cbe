use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

use crate::{factors::enrolment::FriendlyDeviceName, kernel::UserId};

/// The prefix of the `SubjectPublicKeyInfo` of an uncompressed P-256 point, up to the point itself (RFC 5480
/// §2). WebCrypto's `exportKey("spki", …)` begins with it.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The public key of a key pair that a browser made. The browser does not export the private key (WebCrypto,
/// ECDSA on P-256).
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey([u8; 65]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key on P-256")]
pub struct InvalidDeviceKey;

/// A browser that counts as one factor at sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedDevice {
    pub name: FriendlyDeviceName,
    pub key: DeviceKey,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The statement that a device signs: only valid for this challenge, this user and this app client.
#[derive(Debug, Clone, Copy)]
pub struct DeviceStatement<'a> {
    /// The nonce that we drew for one challenge.
    pub nonce: &'a str,
    pub user: &'a UserId,
    pub client_id: &'a str,
}

impl DeviceStatement<'_> {
    /// Returns the canonical text: lines whose values never contain a line feed.
    pub fn text(&self) -> String {
        format!("cognito-mfa/trusted-device/1\n{}\n{}\n{}", self.nonce, self.user.as_str(), self.client_id)
    }
}

impl DeviceKey {
    /// Reads an uncompressed point (SEC 1 §2.3.3): `04`, x, y.
    pub fn from_point(point: &[u8]) -> Result<Self, InvalidDeviceKey> {
        let point: [u8; 65] = point.try_into().map_err(|_| InvalidDeviceKey)?;
        // This checks that the point is on the curve.
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| InvalidDeviceKey)?;
        Ok(Self(point))
    }

    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub fn from_spki(der: &[u8]) -> Result<Self, InvalidDeviceKey> {
        Self::from_point(der.strip_prefix(&SPKI_PREFIX).ok_or(InvalidDeviceKey)?)
    }

    /// Reads the members `x` and `y` of a JWK (RFC 7518 §6.2.1).
    pub fn from_coordinates(x: &str, y: &str) -> Result<Self, InvalidDeviceKey> {
        let coordinate = |text: &str| {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidDeviceKey)?;
            <[u8; 32]>::try_from(bytes).map_err(|_| InvalidDeviceKey)
        };
        Self::from_point(&[&[4][..], &coordinate(x)?, &coordinate(y)?].concat())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks an ECDSA signature with SHA-256 over the statement. The signature is r and s, 32 bytes each, as
    /// WebCrypto makes it.
    pub fn verify(&self, statement: &DeviceStatement<'_>, signature: &[u8]) -> bool {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.0)
            .is_ok_and(|key| key.verify_sig(statement.text().as_bytes(), signature).is_ok())
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
    };

    use super::*;

    fn user(sub: &str) -> UserId {
        UserId::parse(sub).unwrap()
    }

    fn pair() -> (EcdsaKeyPair, DeviceKey) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = DeviceKey::from_point(pair.public_key().as_ref()).unwrap();
        (pair, key)
    }

    #[test]
    fn a_signature_holds_for_its_own_statement_only() {
        let (pair, key) = pair();
        let (alex, sam) = (user("alex"), user("sam"));
        let statement = DeviceStatement { nonce: "n1", user: &alex, client_id: "c1" };
        let signature = pair.sign(&SystemRandom::new(), statement.text().as_bytes()).unwrap();
        assert!(key.verify(&statement, signature.as_ref()));
        for other in [
            DeviceStatement { nonce: "n2", ..statement },
            DeviceStatement { user: &sam, ..statement },
            DeviceStatement { client_id: "c2", ..statement },
            DeviceStatement { nonce: "n1\nalex", user: &user("c1"), client_id: "" },
        ] {
            assert!(!key.verify(&other, signature.as_ref()), "{other:?}");
        }
        assert!(!self::pair().1.verify(&statement, signature.as_ref()), "another device");
        for at in [0, 31, 32, 63] {
            let mut changed = signature.as_ref().to_vec();
            changed[at] ^= 1;
            assert!(!key.verify(&statement, &changed), "byte {at}");
        }
        for length in [0, 63, 65] {
            let mut cut = signature.as_ref().to_vec();
            cut.resize(length, 0);
            assert!(!key.verify(&statement, &cut), "{length} bytes");
        }
        assert!(!key.verify(&statement, &[0; 64]));
    }

    #[test]
    fn a_key_comes_as_spki_or_coordinates() {
        let (_, key) = pair();
        let point = key.as_bytes();
        assert_eq!(DeviceKey::from_spki(&[&SPKI_PREFIX[..], point].concat()), Ok(key.clone()));
        let (x, y) = (BASE64URL_NOPAD.encode(&point[1..33]), BASE64URL_NOPAD.encode(&point[33..]));
        assert_eq!(DeviceKey::from_coordinates(&x, &y), Ok(key.clone()));
        assert_eq!(DeviceKey::from_coordinates(&y, &x), Err(InvalidDeviceKey), "not on the curve");
        assert_eq!(DeviceKey::from_coordinates(&x, ""), Err(InvalidDeviceKey));
        assert_eq!(DeviceKey::from_spki(point), Err(InvalidDeviceKey));
        assert_eq!(DeviceKey::from_spki(&[&SPKI_PREFIX[..], point, &[0]].concat()), Err(InvalidDeviceKey));
        assert_eq!(DeviceKey::from_point(&[&[4][..], &[0; 64]].concat()), Err(InvalidDeviceKey));
        assert_eq!(DeviceKey::from_point(&[0]), Err(InvalidDeviceKey), "infinity");
        // P-384's prefix, with a point of the right length.
        let mut other = SPKI_PREFIX;
        other[22] = 0x22;
        assert_eq!(DeviceKey::from_spki(&[&other[..], point].concat()), Err(InvalidDeviceKey));
    }
}
