use async_trait::async_trait;
use mfa_core::{
    delivery::sealed::{DataKeyCiphertext, DataKeys},
    kernel::PortError,
};
use zeroize::Zeroizing;

use crate::{
    Aws,
    kms::{Context, KeyService},
};

/// Requests data keys from KMS.
#[derive(Debug, Clone)]
pub struct Kms {
    keys: KeyService,
}

impl Kms {
    pub fn new(aws: &Aws) -> Self {
        Self { keys: KeyService::new(aws) }
    }
}

#[async_trait]
impl DataKeys for Kms {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        let context: Context =
            sealed.context.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let key = self.keys.decrypt(sealed.key_arn, context, sealed.ciphertext).await?;
        let key = <[u8; 32]>::try_from(key.as_slice())
            .map_err(|_| PortError::new("kms.Decrypt", "the data key has not 32 bytes"))?;
        Ok(Zeroizing::new(key))
    }
}
