//! Our reader of sealed codes reads codes sealed by the official AWS Encryption SDKs for Python and
//! JavaScript (events/esdk-keys*.json). It reads every suite and refuses every way of tampering.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failed expectation is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use data_encoding::BASE64;
use futures::FutureExt;
use mfa_core::delivery::sealed::{Plaintext, Unreadable, Unseal, UnsealFault};
use mfa_testkit::{SampleDataKeys, SealedSample, foreign_samples, sealed_samples};

struct Case {
    unseal: Unseal,
    kms: SampleDataKeys,
    sample: SealedSample,
}

impl Case {
    fn new(sample: SealedSample) -> Self {
        Self {
            unseal: Unseal {
                user_pool_id: SealedSample::USER_POOL_ID.into(),
                key_arn: SealedSample::KEY_ARN.into(),
            },
            kms: SampleDataKeys(vec![sample.clone()]),
            sample,
        }
    }

    /// The ports here never wait.
    fn open(&self, code: &str) -> Result<Plaintext, UnsealFault> {
        self.unseal.open(&self.kms, code).now_or_never().unwrap()
    }

    fn open_bytes(&self, bytes: &[u8]) -> Result<Plaintext, UnsealFault> {
        self.open(&BASE64.encode(bytes))
    }

    fn refusal(&self) -> Unreadable {
        match self.open(&self.sample.code).unwrap_err() {
            UnsealFault::Unreadable(reason) => reason,
            UnsealFault::Port(fault) => panic!("{}: {}", self.sample.name, fault.chain()),
        }
    }
}

/// Returns the SDK that sealed the sample.
fn sdk(sample: &SealedSample) -> &str {
    sample.name.split('/').next().unwrap()
}

/// Checks every sample in its own thread, because signatures are slow.
fn with_every_sample(check: impl Fn(Case) + Sync) {
    thread::scope(|scope| {
        for sample in sealed_samples() {
            scope.spawn(|| check(Case::new(sample)));
        }
    });
}

#[test]
fn every_sample_of_every_suite_opens() {
    let mut suites = BTreeSet::new();
    for case in sealed_samples().into_iter().map(Case::new) {
        let name = &case.sample.name;
        let opened = case.open(&case.sample.code).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(opened.expose(), case.sample.plaintext, "{name}");
        assert_eq!(format!("{opened:?}"), "Plaintext(..)");
        suites.insert((sdk(&case.sample).to_owned(), case.sample.algorithm));
    }
    let all = ["0x0178", "0x0378", "0x0478", "0x0578"].map(str::to_owned);
    let expected = ["javascript", "python"].map(|sdk| all.clone().map(|suite| (sdk.to_owned(), suite)));
    assert_eq!(suites, expected.into_iter().flatten().collect());
}

/// Flips every bit of the first sample of each SDK and suite, and one bit of each byte of the others. Those
/// differ only in their keys and plaintexts.
#[test]
fn a_bit_flipped_anywhere_is_refused() {
    let kind = |sample: &SealedSample| (sdk(sample).to_owned(), sample.algorithm.clone());
    let mut first = BTreeMap::new();
    for sample in sealed_samples() {
        first.entry(kind(&sample)).or_insert(sample.name);
    }
    with_every_sample(|case| {
        let (name, bytes) = (&case.sample.name, case.sample.bytes());
        let in_full = first[&kind(&case.sample)] == *name;
        for at in 0..bytes.len() {
            for bit in (0..8).filter(|bit| in_full || *bit == at % 8) {
                let mut tampered = bytes.clone();
                tampered[at] ^= 1 << bit;
                assert!(case.open_bytes(&tampered).is_err(), "{name}: byte {at}, bit {bit}");
            }
        }
    });
}

#[test]
fn every_other_length_is_refused() {
    with_every_sample(|case| {
        let name = &case.sample.name;
        let mut bytes = case.sample.bytes();
        for length in 0..bytes.len() {
            assert!(case.open_bytes(&bytes[..length]).is_err(), "{name}: cut at {length}");
        }
        bytes.push(0);
        assert!(case.open_bytes(&bytes).is_err(), "{name}: one byte more");
        // The text itself is invalid: base64 of another length, with a blank, far too long.
        let code = &case.sample.code;
        for length in 0..code.len() {
            assert!(case.open(&code[..length]).is_err(), "{name}: text cut at {length}");
        }
        assert!(case.open(&format!(" {code}")).is_err(), "{name}: a blank before");
        assert!(case.open(&format!("{code}{code}")).is_err(), "{name}: twice");
        assert!(case.open(&"A".repeat(100_000)).is_err(), "{name}: far too long");
    });
}

#[test]
fn another_pool_key_or_data_key_is_refused() {
    for sample in sealed_samples() {
        let name = sample.name.clone();
        let mut other_pool = Case::new(sample.clone());
        other_pool.unseal.user_pool_id = "us-east-1_Another".into();
        assert_eq!(other_pool.refusal(), Unreadable::OtherPool, "{name}");

        let mut other_key = Case::new(sample.clone());
        other_key.unseal.key_arn.push('x');
        assert_eq!(other_key.refusal(), Unreadable::OtherKey, "{name}");

        // This KMS returns a wrong key without an error. The header's tag would reveal it in every suite.
        // Where a suite has a commitment, the commitment must reveal it.
        let mut wrong = Case::new(sample);
        wrong.kms.0[0].data_key_b64 = BASE64.encode(&[7; 32]);
        let is_committed = ["0x0478", "0x0578"].contains(&wrong.sample.algorithm.as_str());
        let found_out_by = if is_committed { "the key commitment" } else { "the header" };
        assert_eq!(wrong.refusal(), Unreadable::Forged(found_out_by), "{name}");
    }
}

/// Genuine messages of the JavaScript SDK that do not have the form of Cognito's codes.
#[test]
fn other_suites_frames_and_second_data_keys_are_refused() {
    let refusals: Vec<_> = foreign_samples()
        .into_iter()
        .map(|sample| (sample.name.clone(), Case::new(sample).refusal()))
        .collect();
    let expected = [
        ("another_pool", Unreadable::OtherPool),
        ("several_frames", Unreadable::Unexpected("the frame")),
        ("several_frames_committed", Unreadable::Unexpected("the frame")),
        ("suite_0078_key_not_derived", Unreadable::Unexpected("the suite")),
        ("suite_0114_aes_128", Unreadable::Unexpected("the suite")),
        ("suite_0346_aes_192", Unreadable::Unexpected("the suite")),
        ("two_data_keys", Unreadable::OtherKey),
    ];
    assert_eq!(refusals, expected.map(|(name, reason)| (format!("javascript/refused/{name}"), reason)));
}
