//! The operations of KMS that we call (AWS KMS API Reference).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::kernel::PortError;
use zeroize::Zeroizing;

use crate::{
    Aws,
    json_protocol::{Blob, CallFault, JsonClient, Service},
};

/// The encryption context, to which a ciphertext is bound.
pub(crate) type Context = BTreeMap<String, String>;

/// Calls KMS with keys that the caller names.
#[derive(Debug, Clone)]
pub(crate) struct KeyService {
    client: JsonClient,
}

impl KeyService {
    pub(crate) fn new(aws: &Aws) -> Self {
        Self { client: aws.json_client(Service::KMS, aws.settings.endpoints.kms.as_deref()) }
    }

    /// Decrypts `ciphertext`. Fails if another key sealed it, or the context differs.
    pub(crate) async fn decrypt(
        &self,
        key_arn: &str,
        context: &Context,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PortError> {
        const OPERATION: &str = "kms.Decrypt";
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Input<'a> {
            key_id: &'a str,
            encryption_context: &'a Context,
            ciphertext_blob: Blob,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            key_id: String,
            plaintext: Blob,
        }
        let input = Input {
            key_id: key_arn,
            encryption_context: context,
            ciphertext_blob: Blob(ciphertext.to_vec()),
        };
        let opened: Output = self.client.call("Decrypt", &input).await.map_err(CallFault::of(OPERATION))?;
        let plaintext = Zeroizing::new(opened.plaintext.0);
        // KMS decrypts only under the named key. This second check costs nothing.
        if opened.key_id != key_arn {
            return Err(PortError::new(OPERATION, "opened under another key"));
        }
        Ok(plaintext)
    }

    /// Encrypts `plaintext` under this key for this context.
    pub(crate) async fn encrypt(
        &self,
        key_arn: &str,
        context: &Context,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, PortError> {
        const OPERATION: &str = "kms.Encrypt";
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Input<'a> {
            key_id: &'a str,
            encryption_context: &'a Context,
            plaintext: Blob,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            ciphertext_blob: Blob,
        }
        let input =
            Input { key_id: key_arn, encryption_context: context, plaintext: Blob(plaintext.to_vec()) };
        let sealed: Output = self.client.call("Encrypt", &input).await.map_err(CallFault::of(OPERATION))?;
        if sealed.ciphertext_blob.0.is_empty() {
            return Err(PortError::new(OPERATION, "the answer holds no ciphertext"));
        }
        Ok(sealed.ciphertext_blob.0)
    }
}
