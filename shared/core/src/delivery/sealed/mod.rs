//! Reads the codes that Cognito seals for custom senders: AWS Encryption SDK messages of one frame
//! (cognito.md §2). We do not use the SDK, because we only decrypt a few bytes under one pinned key.
//! docs/decisions/024-sealed-code-reader.md has the figures.
//!
//! Any other message is refused: other suites, several frames, trailing bytes, a key other than the pinned
//! one, another user pool.

mod message;
mod suite;

use std::collections::BTreeMap;

use async_trait::async_trait;
use zeroize::Zeroizing;

use self::message::Message;
use crate::kernel::{OneTimeCode, PortError};

/// Decrypts a message's data key with KMS `Decrypt`.
///
/// Contract: returns the 32-byte key that was sealed under exactly this key ARN and context, and fails for
/// any other.
#[async_trait]
pub trait DataKeys: Send + Sync + std::fmt::Debug {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError>;
}

/// A sealed data key, with the values that KMS checks it against.
#[derive(Debug, Clone, Copy)]
pub struct DataKeyCiphertext<'a> {
    pub key_arn: &'a str,
    pub context: &'a BTreeMap<String, String>,
    pub ciphertext: &'a [u8],
}

/// An unsealed code or temporary password.
#[derive(Clone)]
pub struct Plaintext(Zeroizing<String>);

impl Plaintext {
    /// Wraps one of our own codes.
    pub(super) fn of(code: &OneTimeCode) -> Self {
        Self(Zeroizing::new(code.expose().to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns a temporary password as it was before Cognito escaped it for HTML (cognito.md §2.3). This is a
    /// single pass, so that the character of one entity does not start another.
    #[must_use]
    pub fn unescaped(&self) -> Self {
        let mut plain = Zeroizing::new(String::with_capacity(self.0.len()));
        let mut rest = self.0.as_str();
        while let Some(start) = rest.find('&') {
            let (before, entity) = rest.split_at(start);
            plain.push_str(before);
            let known = ENTITIES.iter().find(|(name, _)| entity.starts_with(name));
            let (length, character) = known.map_or((1, '&'), |(name, character)| (name.len(), *character));
            plain.push(character);
            rest = entity.get(length..).unwrap_or_default();
        }
        plain.push_str(rest);
        Self(plain)
    }
}

/// The HTML entities that we unescape. Only `<` and `>` are documented.
const ENTITIES: [(&str, char); 7] = [
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&amp;", '&'),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#39;", '\''),
    ("&#x27;", '\''),
];

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

/// Why a message was not read. It names the place, never the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("not standard base64")]
    Base64,
    #[error("longer than any sealed code")]
    TooLong,
    #[error("ends in the middle of {0}")]
    Truncated(&'static str),
    #[error("{0} is not as Cognito writes it")]
    Unexpected(&'static str),
    #[error("sealed for another user pool")]
    OtherPool,
    #[error("not sealed under the configured key")]
    OtherKey,
    #[error("{0} does not verify")]
    Forged(&'static str),
}

#[derive(Debug, thiserror::Error)]
pub enum UnsealFault {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Opens the codes of one user pool, sealed under one key.
#[derive(Debug, Clone)]
pub struct Unseal {
    pub user_pool_id: String,
    /// ARN of the pool's `KMSKeyID`. It is pinned: we use no other key.
    pub key_arn: String,
}

impl Unseal {
    /// Opens `code` with one call of KMS.
    pub async fn open(&self, keys: &dyn DataKeys, code: &str) -> Result<Plaintext, UnsealFault> {
        let message = Message::decode(code)?;
        let message = message.parse()?;
        if message.context.get("userpool-id") != Some(&self.user_pool_id) {
            return Err(Unreadable::OtherPool.into());
        }
        let ciphertext = message.data_key_under(&self.key_arn)?;
        let sealed = DataKeyCiphertext { key_arn: &self.key_arn, context: &message.context, ciphertext };
        let data_key = keys.decrypt(&sealed).await?;
        let bytes = message.open(&data_key)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Unreadable::Unexpected("the plaintext"))?;
        Ok(Plaintext(Zeroizing::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Tmp&lt;9x&gt;&amp;Qz1!", "Tmp<9x>&Qz1!")]
    #[case("a&quot;b&#39;c&#34;d&#x27;", "a\"b'c\"d'")]
    #[case("&amp;lt;", "&lt;")]
    #[case("R&D&unknown;&", "R&D&unknown;&")]
    #[case("", "")]
    fn a_temporary_password_is_unescaped_once(#[case] escaped: &str, #[case] plain: &str) {
        assert_eq!(Plaintext(Zeroizing::new(escaped.into())).unescaped().expose(), plain);
    }
}
