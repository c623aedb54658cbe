use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::kernel::{Entropy, HashKey, PortError, UserId};

const SECRET_BYTES: usize = 32;
/// Cognito accepts no longer passwords (cognito.md §9.2).
const LONGEST_PASSWORD: usize = 256;

/// The secret of the caller who opened a case: 256 random bits. Only its keyed hash is stored.
#[derive(Clone)]
pub struct CaseSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// The name of a stored case: the keyed hash of its secret. The secret cannot be derived from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseKey(String);

/// A hash of the password that opened a case, so that the new password must differ. It is keyed with the
/// case's secret, which is not stored. Without that secret, an attacker cannot try passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFingerprint(String);

/// A password on its way to Cognito.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a password")]
pub struct InvalidPassword;

impl CaseSecret {
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        entropy.fill(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// Parses the text form of [`CaseSecret::text`]. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// Returns the secret as text, for the one response that contains it and for the recovery function.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_slice()))
    }

    pub fn key(&self, key: &HashKey) -> CaseKey {
        CaseKey(key.hash("recovery.case", &[self.0.as_slice()]))
    }

    pub fn fingerprint(&self, password: &Password) -> PasswordFingerprint {
        let key = HashKey::new(self.0.as_slice());
        PasswordFingerprint(key.hash("recovery.password", &[password.expose().as_bytes()]))
    }
}

impl std::fmt::Debug for CaseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CaseSecret(..)")
    }
}

impl CaseKey {
    /// Parses a keyed hash. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the user of a decoy case: an id that no user has.
    pub fn unassigned_user(&self) -> Result<UserId, PortError> {
        UserId::parse(&format!("decoy-{}", self.0)).map_err(|fault| PortError::new("recovery.decoy", fault))
    }
}

impl PasswordFingerprint {
    /// Returns the fingerprint that was stored.
    pub fn from_stored(fingerprint: impl Into<String>) -> Self {
        Self(fingerprint.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Password {
    pub fn parse(typed: &str) -> Result<Self, InvalidPassword> {
        let fits = (1..=LONGEST_PASSWORD).contains(&typed.chars().count());
        fits.then(|| Self(Zeroizing::new(typed.to_owned()))).ok_or(InvalidPassword)
    }

    /// Returns the password, for the adapter that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> CaseSecret {
        CaseSecret(Zeroizing::new([byte; SECRET_BYTES]))
    }

    #[test]
    fn a_secret_comes_back_from_its_text_and_nothing_else_does() {
        let key = HashKey::new(&[7; 32]);
        let text = secret(1).text();
        assert_eq!(text.len(), 43);
        assert_eq!(CaseSecret::parse(&text).unwrap().key(&key), secret(1).key(&key));
        assert_ne!(secret(2).key(&key), secret(1).key(&key));
        for other in ["", "abc", &text[1..], &format!("{}=", text.as_str())] {
            assert!(CaseSecret::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_mark_is_of_password_and_secret() {
        let [one, other] = ["Correct-Horse-9", "Correct-Horse-8"].map(|text| Password::parse(text).unwrap());
        assert_eq!(secret(1).fingerprint(&one), secret(1).fingerprint(&one));
        assert_ne!(secret(1).fingerprint(&one), secret(1).fingerprint(&other));
        assert_ne!(secret(1).fingerprint(&one), secret(2).fingerprint(&one));
    }

    #[test]
    fn none_prints_itself() {
        let printed = format!("{:?} {:?}", secret(1), Password::parse("canary").unwrap());
        assert_eq!(printed, "CaseSecret(..) Password(..)");
        assert!(Password::parse("").is_err() && Password::parse(&"x".repeat(257)).is_err());
    }
}
