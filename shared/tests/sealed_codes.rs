//! Sealed codes made by the official Python AWS Encryption SDK (events/esdk-keys.json), read by ours:
//! every suite, and every way of tampering refused.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::collections::BTreeMap;

use async_trait::async_trait;
use data_encoding::BASE64;
use futures::FutureExt;
use serde::Deserialize;
use shared::{
    delivery::{DataKeyCiphertext, DataKeys, Plaintext, Unreadable, Unseal, UnsealFault},
    kernel::PortError,
};
use zeroize::Zeroizing;

#[derive(Deserialize)]
struct Material {
    kms_key_arn: String,
    events: BTreeMap<String, Sample>,
    variants: BTreeMap<String, Sample>,
}

#[derive(Deserialize, Clone)]
struct Sample {
    code: String,
    plaintext: String,
    data_key_b64: String,
    edk_ciphertext_b64: String,
    encryption_context: BTreeMap<String, String>,
}

fn material() -> Material {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/esdk-keys.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A KMS that opens one data key, and only with its own key ARN and whole context.
struct Kms {
    key_arn: String,
    sample: Sample,
}

#[async_trait]
impl DataKeys for Kms {
    async fn decrypt(&self, sealed: &DataKeyCiphertext<'_>) -> Result<Zeroizing<[u8; 32]>, PortError> {
        let known = sealed.key_arn == self.key_arn
            && *sealed.context == self.sample.encryption_context
            && BASE64.encode(sealed.ciphertext) == self.sample.edk_ciphertext_b64;
        let key = BASE64.decode(self.sample.data_key_b64.as_bytes()).unwrap();
        if known {
            Ok(Zeroizing::new(key.try_into().unwrap()))
        } else {
            Err(PortError::new("kms.Decrypt", "InvalidCiphertextException"))
        }
    }
}

struct Case {
    unseal: Unseal,
    kms: Kms,
    sample: Sample,
}

fn case(sample: &Sample) -> Case {
    let key_arn = material().kms_key_arn;
    Case {
        unseal: Unseal { user_pool_id: "us-east-1_ExamplePl".into(), key_arn: key_arn.clone() },
        kms: Kms { key_arn, sample: sample.clone() },
        sample: sample.clone(),
    }
}

impl Case {
    /// The ports in here never wait.
    fn open(&self, code: &str) -> Result<Plaintext, UnsealFault> {
        self.unseal.open(&self.kms, code).now_or_never().unwrap()
    }

    fn open_bytes(&self, bytes: &[u8]) -> Result<Plaintext, UnsealFault> {
        self.open(&BASE64.encode(bytes))
    }

    fn bytes(&self) -> Vec<u8> {
        BASE64.decode(self.sample.code.as_bytes()).unwrap()
    }
}

#[test]
fn every_sample_of_every_suite_opens() {
    let material = material();
    assert!(material.events.len() >= 14 && material.variants.len() == 4);
    for (name, sample) in material.events.iter().chain(&material.variants) {
        let opened = case(sample).open(&sample.code).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(opened.expose(), sample.plaintext, "{name}");
        assert_eq!(format!("{opened:?}"), "Plaintext(..)");
    }
}

#[test]
fn a_bit_flipped_anywhere_is_refused() {
    for (name, sample) in material().variants {
        let case = case(&sample);
        let bytes = case.bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut tampered = bytes.clone();
                tampered[at] ^= 1 << bit;
                assert!(case.open_bytes(&tampered).is_err(), "{name}: byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_other_length_is_refused() {
    for (name, sample) in material().variants {
        let case = case(&sample);
        let mut bytes = case.bytes();
        for length in 0..bytes.len() {
            assert!(case.open_bytes(&bytes[..length]).is_err(), "{name}: cut at {length}");
        }
        bytes.push(0);
        assert!(case.open_bytes(&bytes).is_err(), "{name}: one byte more");
        assert!(case.open(&format!(" {}", sample.code)).is_err(), "{name}: a blank before");
        assert!(case.open(&"A".repeat(100_000)).is_err(), "{name}: far too long");
    }
}

#[test]
fn another_pool_key_or_data_key_is_refused() {
    for (name, sample) in material().variants {
        let mut other_pool = case(&sample);
        other_pool.unseal.user_pool_id = "us-east-1_Another".into();
        let refused = |case: &Case| case.open(&sample.code).unwrap_err();
        assert!(matches!(refused(&other_pool), UnsealFault::Unreadable(Unreadable::OtherPool)), "{name}");

        let mut other_key = case(&sample);
        other_key.unseal.key_arn.push('x');
        assert!(matches!(refused(&other_key), UnsealFault::Unreadable(Unreadable::OtherKey)), "{name}");

        // A KMS that gives a wrong key without complaint: commitment or header find it out.
        let mut wrong = case(&sample);
        wrong.kms.sample.data_key_b64 = BASE64.encode(&[7; 32]);
        assert!(matches!(refused(&wrong), UnsealFault::Unreadable(Unreadable::Forged(_))), "{name}");
    }
}
