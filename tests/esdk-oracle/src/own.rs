use anyhow::Result;
use async_trait::async_trait;
use aws_smithy_types::Blob;
use mfa_core::delivery::sealed::{DataKeyCiphertext, DataKeys, Unseal};
use mfa_core::kernel::PortError;
use zeroize::Zeroizing;

use crate::sender::Reader;

/// `mfa_core::delivery::sealed::Unseal` over KMS.
pub struct Own<K> {
    unseal: Unseal,
    keys: K,
}

impl<K: DataKeys> Own<K> {
    pub fn new(keys: K, key_arn: &str, user_pool_id: &str) -> Self {
        Self { unseal: Unseal { user_pool_id: user_pool_id.to_owned(), key_arn: key_arn.to_owned() }, keys }
    }
}

#[async_trait]
impl<K: DataKeys> Reader for Own<K> {
    async fn open(&self, code: &str) -> Result<String> {
        Ok(self.unseal.open(&self.keys, code).await?.expose().to_owned())
    }
}

/// The part of a KMS adapter that the benchmark needs.
#[derive(Debug)]
pub struct Kms(pub aws_sdk_kms::Client);

#[async_trait]
impl DataKeys for Kms {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        let context = sealed.context.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let answer = self
            .0
            .decrypt()
            .key_id(sealed.key_arn)
            .set_encryption_context(Some(context))
            .ciphertext_blob(Blob::new(sealed.ciphertext))
            .send()
            .await
            .map_err(|fault| PortError::new("kms.Decrypt", fault))?;
        let key = Zeroizing::new(answer.plaintext.map(Blob::into_inner).unwrap_or_default());
        let key =
            key.as_slice().try_into().map_err(|_| PortError::new("kms.Decrypt", "no key of 32 bytes"))?;
        Ok(Zeroizing::new(key))
    }
}
