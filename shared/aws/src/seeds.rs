use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::{Client, primitives::Blob};
use shared::{
    config::Environment,
    factors::own::{SealedSeed, Seeds, TotpSeed},
    kernel::{PortError, UserId},
};
use zeroize::Zeroizing;

use crate::{Aws, aws::OnDemand, fault::port_error};

/// Whose seeds, under which key: `MFA_USER_POOL_ID`, `MFA_SEED_KEY_ARN`.
#[derive(Debug, Clone)]
pub struct SeedSettings {
    user_pool_id: String,
    key_arn: String,
}

impl SeedSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            user_pool_id: environment.required("MFA_USER_POOL_ID"),
            key_arn: environment.required("MFA_SEED_KEY_ARN"),
        }
    }
}

/// KMS, sealing seeds under a key that seals nothing else. A seed is small enough for KMS itself: no
/// data key lies about, and each opening is a line in CloudTrail with the user in it.
#[derive(Debug, Clone)]
pub struct SeedKey {
    client: OnDemand<Client>,
    settings: SeedSettings,
}

impl SeedKey {
    pub fn new(aws: &Aws, settings: SeedSettings) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.kms.clone());
        Self { client: OnDemand::new(move || Client::from_conf(config.build())), settings }
    }

    /// Bound to pool, user and purpose: a ciphertext that is moved to another user's item does not open.
    fn context(&self, user: &UserId) -> HashMap<String, String> {
        HashMap::from([
            ("userpool-id".into(), self.settings.user_pool_id.clone()),
            ("user".into(), user.as_str().to_owned()),
            ("purpose".into(), "totp-seed".into()),
        ])
    }
}

#[async_trait]
impl Seeds for SeedKey {
    async fn seal(&self, user: &UserId, seed: &TotpSeed) -> Result<SealedSeed, PortError> {
        const OPERATION: &str = "kms.Encrypt";
        let answer = self
            .client
            .encrypt()
            .key_id(&self.settings.key_arn)
            .set_encryption_context(Some(self.context(user)))
            .plaintext(Blob::new(seed.expose()))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        let sealed = answer.ciphertext_blob.map(Blob::into_inner).filter(|sealed| !sealed.is_empty());
        sealed.map(SealedSeed::new).ok_or_else(|| PortError::new(OPERATION, "the answer holds no ciphertext"))
    }

    async fn open(&self, user: &UserId, sealed: &SealedSeed) -> Result<TotpSeed, PortError> {
        const OPERATION: &str = "kms.Decrypt";
        let answer = self
            .client
            .decrypt()
            .key_id(&self.settings.key_arn)
            .set_encryption_context(Some(self.context(user)))
            .ciphertext_blob(Blob::new(sealed.as_bytes()))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        // With a key named, KMS opens under that key or not at all; said again, it costs nothing.
        if answer.key_id() != Some(self.settings.key_arn.as_str()) {
            return Err(PortError::new(OPERATION, "opened under another key"));
        }
        let seed = answer.plaintext.map(|blob| Zeroizing::new(blob.into_inner())).unwrap_or_default();
        TotpSeed::from_bytes(&seed).ok_or_else(|| PortError::new(OPERATION, "the seed has not 20 bytes"))
    }
}
