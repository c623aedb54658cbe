use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use aws_esdk::AwsEncryptionSdkConfig;
use aws_esdk::client::Client;
use aws_esdk::material_providers::client::Client as MaterialProviders;
use aws_esdk::material_providers::types::EsdkCommitmentPolicy;
use aws_esdk::material_providers::types::keyring::KeyringRef;
use aws_esdk::material_providers::types::material_providers_config::MaterialProvidersConfig;
use data_encoding::BASE64;

use crate::sender::Reader;

/// `aws-esdk` with the settings of Cognito's documentation (cognito.md §2.1): strict about the key, tolerant
/// of suites without key commitment.
pub struct Official {
    sdk: Client,
    keyring: KeyringRef,
    user_pool_id: String,
}

impl Official {
    pub async fn new(kms: aws_sdk_kms::Client, key_arn: &str, user_pool_id: &str) -> Result<Self> {
        let policy = EsdkCommitmentPolicy::RequireEncryptAllowDecrypt;
        let sdk = Client::from_conf(AwsEncryptionSdkConfig::builder().commitment_policy(policy).build()?)?;
        let providers = MaterialProviders::from_conf(MaterialProvidersConfig::builder().build()?)?;
        let keyring = providers.create_aws_kms_keyring().kms_key_id(key_arn).kms_client(kms).send().await?;
        Ok(Self { sdk, keyring, user_pool_id: user_pool_id.to_owned() })
    }
}

#[async_trait]
impl Reader for Official {
    async fn open(&self, code: &str) -> Result<String> {
        let sealed = BASE64.decode(code.as_bytes())?;
        let opened = self.sdk.decrypt().ciphertext(sealed).keyring(self.keyring.clone()).send().await?;
        let context = opened.encryption_context.context("no encryption context")?;
        ensure!(context.get("userpool-id") == Some(&self.user_pool_id), "sealed for another user pool");
        Ok(String::from_utf8(opened.plaintext.context("no plaintext")?.into_inner())?)
    }
}
