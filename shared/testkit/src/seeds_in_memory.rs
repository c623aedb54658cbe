use async_trait::async_trait;
use mfa_core::{
    factors::custom::{SealedSeed, Seeds, TotpSeed},
    kernel::{PortError, UserId},
};

/// A seal that writes the user beside the seed. Tests may read the seed; other users may not open it.
#[derive(Debug, Default)]
pub struct InMemorySeeds;

#[async_trait]
impl Seeds for InMemorySeeds {
    async fn seal(&self, user: &UserId, seed: &TotpSeed) -> Result<SealedSeed, PortError> {
        Ok(SealedSeed::new([seed.expose(), user.as_str().as_bytes()].concat()))
    }

    async fn open(&self, user: &UserId, sealed: &SealedSeed) -> Result<TotpSeed, PortError> {
        let seed = sealed.as_bytes().strip_suffix(user.as_str().as_bytes()).and_then(TotpSeed::from_bytes);
        seed.ok_or_else(|| PortError::new("kms.Decrypt", "InvalidCiphertextException"))
    }
}
