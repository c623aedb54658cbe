//! Sealed codes. The keys of the samples are all there, so that whatever verifies a message is reached: nothing
//! but the samples themselves may open, and of those nothing that is no code of Cognito's.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use async_trait::async_trait;
use data_encoding::BASE64;
use futures::FutureExt as _;
use shared::{
    delivery::{DataKeyCiphertext, DataKeys, Unseal},
    kernel::PortError,
};
use shared_testkit::{SealedSample, foreign_samples, sealed_samples};
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
        // A suite that is none of Cognito's may have a shorter one, for which nobody would ask.
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

/// A KMS that never refuses and never looks at the context, so that every message which is parsed
/// has to be refused by what is behind it.
struct LenientKeys(HashMap<Vec<u8>, [u8; 32]>);

#[async_trait]
impl DataKeys for LenientKeys {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        Ok(Zeroizing::new(self.0.get(sealed.ciphertext).copied().unwrap_or([7; 32])))
    }
}

/// Any bytes as a sealed code.
pub fn bytes(bytes: &[u8]) {
    only_samples_open(&BASE64.encode(bytes));
}

/// Any text as a sealed code: what stands in `request.code` before anything is decoded.
pub fn text(bytes: &[u8]) {
    if let Some(text) = super::utf8(bytes) {
        only_samples_open(text);
    }
}

/// What opens and is none of the samples was forged without the key.
fn only_samples_open(code: &str) {
    let opened = READER.unseal.open(&READER.keys, code).now_or_never();
    if opened.expect("the ports in here never wait").is_ok() {
        assert!(READER.codes.contains(code), "a forged message opened: {code}");
    }
}
