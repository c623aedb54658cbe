use std::collections::BTreeMap;

use async_trait::async_trait;
use data_encoding::BASE64;
use mfa_core::{
    delivery::sealed::{DataKeyCiphertext, DataKeys},
    kernel::PortError,
};
use serde::Deserialize;
use zeroize::Zeroizing;

const PYTHON: &str = include_str!("../../../events/esdk-keys.json");
const JAVASCRIPT: &str = include_str!("../../../events/esdk-keys.javascript.json");

/// A code sealed by an official AWS Encryption SDK, with the keys that open it. All keys are invented.
#[derive(Debug, Clone, Deserialize)]
pub struct SealedSample {
    /// The sample's origin, such as `python/events/CustomSMSSender_SignUp`.
    #[serde(skip)]
    pub name: String,
    /// Base64, as in `request.code`.
    pub code: String,
    pub plaintext: String,
    /// The id of the algorithm suite, such as `0x0378`.
    pub algorithm: String,
    pub data_key_b64: String,
    pub edk_ciphertext_b64: String,
    pub encryption_context: BTreeMap<String, String>,
}

impl SealedSample {
    /// The pool to which every sample is bound.
    pub const USER_POOL_ID: &str = "us-east-1_ExamplePl";
    /// The key under which every sample is sealed.
    pub const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    pub fn bytes(&self) -> Vec<u8> {
        BASE64.decode(self.code.as_bytes()).expect("a sample is base64")
    }
}

#[derive(Deserialize)]
struct File {
    kms_key_arn: String,
    events: BTreeMap<String, SealedSample>,
    variants: BTreeMap<String, SealedSample>,
    /// Messages sealed by the same SDK, but in a form that Cognito does not use.
    #[serde(default)]
    refused: BTreeMap<String, SealedSample>,
}

/// Returns every sample that has the form of Cognito's codes, in each of the four suites.
pub fn sealed_samples() -> Vec<SealedSample> {
    files()
        .flat_map(|(sdk, file)| {
            let named = |group: &'static str, samples| named(sdk, group, samples);
            [named("events", file.events), named("variants", file.variants)].concat()
        })
        .collect()
}

/// Returns genuine messages of an official SDK in other forms than Cognito's: another suite, several frames.
pub fn foreign_samples() -> Vec<SealedSample> {
    files().flat_map(|(sdk, file)| named(sdk, "refused", file.refused)).collect()
}

fn files() -> impl Iterator<Item = (&'static str, File)> {
    [("python", PYTHON), ("javascript", JAVASCRIPT)].into_iter().map(|(sdk, text)| {
        let file: File = serde_json::from_str(text).expect("a file of samples");
        assert_eq!(file.kms_key_arn, SealedSample::KEY_ARN, "{sdk}");
        (sdk, file)
    })
}

fn named(sdk: &str, group: &str, samples: BTreeMap<String, SealedSample>) -> Vec<SealedSample> {
    let named = |(own, sample)| SealedSample { name: format!("{sdk}/{group}/{own}"), ..sample };
    samples.into_iter().map(named).collect()
}

/// A KMS that knows the data keys of some samples. It opens each for its own key ARN and complete context
/// only.
#[derive(Debug, Clone)]
pub struct SampleDataKeys(pub Vec<SealedSample>);

impl SampleDataKeys {
    /// Returns the data key in base64.
    pub fn find(&self, sealed: &DataKeyCiphertext<'_>) -> Option<&str> {
        let ciphertext = BASE64.encode(sealed.ciphertext);
        self.0
            .iter()
            .find(|sample| {
                sealed.key_arn == SealedSample::KEY_ARN
                    && *sealed.context == sample.encryption_context
                    && ciphertext == sample.edk_ciphertext_b64
            })
            .map(|sample| sample.data_key_b64.as_str())
    }
}

#[async_trait]
impl DataKeys for SampleDataKeys {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        let fault = || PortError::new("kms.Decrypt", "InvalidCiphertextException");
        let key = self.find(sealed).and_then(|key| BASE64.decode(key.as_bytes()).ok()).ok_or_else(fault)?;
        key.try_into().map(Zeroizing::new).map_err(|_| fault())
    }
}
