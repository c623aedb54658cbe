//! The operations of KMS that we call (AWS KMS API Reference).

use std::collections::HashMap;

use aws_sdk_kms::{Client, primitives::Blob};
use mfa_core::kernel::PortError;
use zeroize::Zeroizing;

use crate::{Aws, aws::LazyClient, fault::port_error};

/// The encryption context, to which a ciphertext is bound.
pub(crate) type Context = HashMap<String, String>;

/// Calls KMS with keys that the caller names.
#[derive(Debug, Clone)]
pub(crate) struct KeyService {
    client: LazyClient<Client>,
}

impl KeyService {
    pub(crate) fn new(aws: &Aws) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.kms.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())) }
    }

    /// Decrypts `ciphertext`. Fails if another key sealed it, or the context differs.
    pub(crate) async fn decrypt(
        &self,
        key_arn: &str,
        context: Context,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PortError> {
        const OPERATION: &str = "kms.Decrypt";
        let answer = self
            .client
            .decrypt()
            .key_id(key_arn)
            .set_encryption_context(Some(context))
            .ciphertext_blob(Blob::new(ciphertext))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        let opened_by = answer.key_id.as_deref() == Some(key_arn);
        let plaintext = answer.plaintext.map(|blob| Zeroizing::new(blob.into_inner()));
        // KMS decrypts only under the named key. This second check costs nothing.
        if !opened_by {
            return Err(PortError::new(OPERATION, "opened under another key"));
        }
        plaintext.ok_or_else(|| PortError::new(OPERATION, "the answer holds no plaintext"))
    }

    /// Encrypts `plaintext` under this key for this context.
    pub(crate) async fn encrypt(
        &self,
        key_arn: &str,
        context: Context,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, PortError> {
        const OPERATION: &str = "kms.Encrypt";
        let answer = self
            .client
            .encrypt()
            .key_id(key_arn)
            .set_encryption_context(Some(context))
            .plaintext(Blob::new(plaintext))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        let sealed = answer.ciphertext_blob.map(Blob::into_inner).filter(|sealed| !sealed.is_empty());
        sealed.ok_or_else(|| PortError::new(OPERATION, "the answer holds no ciphertext"))
    }
}
