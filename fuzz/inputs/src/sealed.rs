//! Sealed codes. The keys of all samples are available, so that inputs reach all code that verifies a
//! message. Only the samples themselves may open, and of those only codes in Cognito's form.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use async_trait::async_trait;
use data_encoding::BASE64;
use futures::FutureExt as _;
use mfa_core::{
    delivery::sealed::{DataKeyCiphertext, DataKeys, Unseal},
    kernel::PortError,
};
use mfa_testkit::{SealedSample, foreign_samples, sealed_samples};
use zeroize::Zeroizing;

struct Reader {
    unseal: Unseal,
    keys: LenientKeys,
    codes: HashSet<String>,
}

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let key = |sample: &SealedSample| {
        let [sealed, key] = [&sample.edk_ciphertext_b64, &sample.data_key_b64]
            .map(|text| BASE64.decode(text.as_bytes()).expect("base64"));
        // Suites that Cognito does not use may have a shorter key, for which no caller asks.
        Some((sealed, key.try_into().ok()?))
    };
    let keys = sealed_samples().iter().chain(&foreign_samples()).filter_map(key).collect();
    Reader {
        unseal: Unseal {
            user_pool_id: SealedSample::USER_POOL_ID.to_owned(),
            key_arn: SealedSample::KEY_ARN.to_owned(),
        },
        keys: LenientKeys(keys),
        codes: sealed_samples().into_iter().map(|sample| sample.code).collect(),
    }
});

/// A KMS that never refuses and never checks the context, so that the code behind it has to refuse every
/// parsed message.
#[derive(Debug)]
struct LenientKeys(HashMap<Vec<u8>, [u8; 32]>);

#[async_trait]
impl DataKeys for LenientKeys {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        Ok(Zeroizing::new(self.0.get(sealed.ciphertext).copied().unwrap_or([7; 32])))
    }
}

/// Checks any bytes as a sealed code.
pub fn bytes(bytes: &[u8]) {
    only_samples_open(&BASE64.encode(bytes));
}

/// Checks any text as a sealed code: the content of `request.code` before decoding.
pub fn text(bytes: &[u8]) {
    if let Some(text) = super::utf8(bytes) {
        only_samples_open(text);
    }
}

/// A message that opens and is no sample was forged without the key.
fn only_samples_open(code: &str) {
    let opened = READER.unseal.open(&READER.keys, code).now_or_never();
    if opened.expect("the ports in here never wait").is_ok() {
        assert!(READER.codes.contains(code), "a forged message opened: {code}");
    }
}
