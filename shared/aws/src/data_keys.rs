use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::{Client, primitives::Blob};
use shared::{
    delivery::{DataKeyCiphertext, DataKeys},
    kernel::PortError,
};
use zeroize::Zeroizing;

use crate::{Aws, fault::port_error};

/// KMS, asked for data keys.
#[derive(Debug, Clone)]
pub struct Kms {
    client: Client,
}

impl Kms {
    pub fn new(aws: &Aws) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.kms.clone());
        Self { client: Client::from_conf(config.build()) }
    }
}

#[async_trait]
impl DataKeys for Kms {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        const OPERATION: &str = "kms.Decrypt";
        let context: HashMap<String, String> =
            sealed.context.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let answer = self
            .client
            .decrypt()
            .key_id(sealed.key_arn)
            .set_encryption_context(Some(context))
            .ciphertext_blob(Blob::new(sealed.ciphertext))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        // With a key named, KMS opens under that key or not at all; said again, it costs nothing.
        if answer.key_id() != Some(sealed.key_arn) {
            return Err(PortError::new(OPERATION, "opened under another key"));
        }
        let key = answer.plaintext.map(|blob| Zeroizing::new(blob.into_inner())).unwrap_or_default();
        let key = <[u8; 32]>::try_from(key.as_slice())
            .map_err(|_| PortError::new(OPERATION, "the data key has not 32 bytes"))?;
        Ok(Zeroizing::new(key))
    }
}
