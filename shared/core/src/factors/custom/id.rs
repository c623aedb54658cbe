use crate::kernel::{Entropy, PortError};

/// The id of one authenticator or device of a user: 128 random bits in hexadecimal. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactorId(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a factor")]
pub struct InvalidFactorId;

impl FactorId {
    pub fn new(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&bytes)))
    }

    pub fn parse(text: &str) -> Result<Self, InvalidFactorId> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned())).ok_or(InvalidFactorId)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the same bits as the UUID that the audit trail uses.
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::try_parse(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_32_hexadecimal_digits() {
        assert!(FactorId::parse("0123456789abcdef0123456789abcdef").is_ok());
        for text in [
            "",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789abcdef0123456789abcde",
            "../0123456789abcdef0123456789abc",
        ] {
            assert!(FactorId::parse(text).is_err(), "{text}");
        }
    }
}
