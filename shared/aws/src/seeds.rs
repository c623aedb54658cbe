use async_trait::async_trait;
use mfa_core::{
    config::Environment,
    factors::custom::{SealedSeed, Seeds, TotpSeed},
    kernel::{PortError, UserId},
};

use crate::{
    Aws,
    kms::{Context, KeyService},
};

/// The pool whose seeds are sealed, and the key: `MFA_USER_POOL_ID`, `MFA_SEED_KEY_ARN`.
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

/// Seals seeds with a KMS key that seals nothing else. A seed is small enough for KMS itself, so we need no
/// data key. Each decryption is a line in CloudTrail that names the user.
#[derive(Debug, Clone)]
pub struct SeedKey {
    keys: KeyService,
    settings: SeedSettings,
}

impl SeedKey {
    pub fn new(aws: &Aws, settings: SeedSettings) -> Self {
        Self { keys: KeyService::new(aws), settings }
    }

    /// Binds a ciphertext to pool, user and purpose. If it is moved to another user's item, it cannot be
    /// decrypted.
    fn context(&self, user: &UserId) -> Context {
        Context::from([
            ("userpool-id".into(), self.settings.user_pool_id.clone()),
            ("user".into(), user.as_str().to_owned()),
            ("purpose".into(), "totp-seed".into()),
        ])
    }
}

#[async_trait]
impl Seeds for SeedKey {
    async fn seal(&self, user: &UserId, seed: &TotpSeed) -> Result<SealedSeed, PortError> {
        let sealed = self.keys.encrypt(&self.settings.key_arn, self.context(user), seed.expose()).await?;
        Ok(SealedSeed::new(sealed))
    }

    async fn open(&self, user: &UserId, sealed: &SealedSeed) -> Result<TotpSeed, PortError> {
        let seed = self.keys.decrypt(&self.settings.key_arn, self.context(user), sealed.as_bytes()).await?;
        TotpSeed::from_bytes(&seed).ok_or_else(|| PortError::new("kms.Decrypt", "the seed has not 20 bytes"))
    }
}
