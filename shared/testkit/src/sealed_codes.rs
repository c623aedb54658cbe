use std::collections::BTreeMap;

use async_trait::async_trait;
use data_encoding::BASE64;
use serde::Deserialize;
use shared::{
    delivery::{DataKeyCiphertext, DataKeys},
    kernel::PortError,
};
use zeroize::Zeroizing;

const PYTHON: &str = include_str!("../../../events/esdk-keys.json");
const JAVASCRIPT: &str = include_str!("../../../events/esdk-keys.javascript.json");

/// A code that an official AWS Encryption SDK has sealed, with all that opens it. The keys are
/// invented, none is a real one's.
#[derive(Debug, Clone, Deserialize)]
pub struct SealedSample {
    /// Where it comes from: `python/events/CustomSMSSender_SignUp`.
    #[serde(skip)]
    pub name: String,
    /// In base64, as in `request.code`.
    pub code: String,
    pub plaintext: String,
    /// `0x0378` for example.
    pub algorithm: String,
    pub data_key_b64: String,
    pub edk_ciphertext_b64: String,
    pub encryption_context: BTreeMap<String, String>,
}

impl SealedSample {
    /// The pool that every sample is bound to.
    pub const USER_POOL_ID: &str = "us-east-1_ExamplePl";
    /// The key that every sample is sealed under.
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
    /// Sealed by the same SDK, but not as Cognito does it.
    #[serde(default)]
    refused: BTreeMap<String, SealedSample>,
}

/// Every sample that is a code as Cognito seals one, in each of the four suites.
pub fn sealed_samples() -> Vec<SealedSample> {
    files()
        .flat_map(|(sdk, file)| {
            let named = |group: &'static str, samples| named(sdk, group, samples);
            [named("events", file.events), named("variants", file.variants)].concat()
        })
        .collect()
}

/// Genuine messages of an official SDK that are no codes of Cognito's: another suite, several frames.
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

/// A KMS that knows the data keys of some samples, and gives each for its own key ARN and whole
/// context only.
#[derive(Debug, Clone)]
pub struct SampleDataKeys(pub Vec<SealedSample>);

impl SampleDataKeys {
    /// The data key in base64.
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
