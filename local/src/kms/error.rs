//! KMS's exceptions, and what a key is used for.

use serde::{Deserialize, Serialize};

/// KMS's exceptions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    #[error("Key '{0}' does not exist")]
    NotFound(String),
    #[error("")]
    InvalidCiphertext,
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    #[error("{0} key usage is {1} which is not valid for {2}.")]
    InvalidKeyUsage(String, &'static str, &'static str),
    #[error("")]
    InvalidMac,
    #[error("{0}")]
    Validation(String),
    #[error("{0} is not built in the local KMS")]
    UnknownOperation(String),
    #[error("{0}")]
    Internal(String),
}

impl KmsError {
    /// The exception's name on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "NotFoundException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::InvalidKeyUsage(..) => "InvalidKeyUsageException",
            Self::InvalidMac => "KMSInvalidMacException",
            Self::Validation(_) => "ValidationException",
            Self::UnknownOperation(_) => "UnknownOperationException",
            Self::Internal(_) => "KMSInternalException",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyUsage {
    #[serde(rename = "ENCRYPT_DECRYPT")]
    EncryptDecrypt,
    #[serde(rename = "GENERATE_VERIFY_MAC")]
    Mac,
}

impl std::str::FromStr for KeyUsage {
    type Err = KmsError;

    fn from_str(name: &str) -> Result<Self, KmsError> {
        [Self::EncryptDecrypt, Self::Mac]
            .into_iter()
            .find(|usage| usage.name() == name)
            .ok_or_else(|| KmsError::Validation(format!("the local KMS has no keys for {name}")))
    }
}

impl KeyUsage {
    pub fn name(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::Mac => "GENERATE_VERIFY_MAC",
        }
    }
}
