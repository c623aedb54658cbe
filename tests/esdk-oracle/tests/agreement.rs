//! Checks that our reader and AWS's agree. The inputs are every sample of the official SDKs, and every input
//! that differs from one by a byte or by its length.

use std::collections::BTreeMap;

use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::test_util::infallible_client_fn;
use data_encoding::BASE64;
use esdk_oracle::{Official, Own, Reader};
use mfa_core::delivery::sealed::DataKeyCiphertext;
use mfa_testkit::{SampleDataKeys, SealedSample, foreign_samples, sealed_samples};
use serde_json::{Value, json};

/// Returns KMS on its own wire protocol, within the process. It knows the samples' data keys.
fn kms(keys: SampleDataKeys) -> aws_sdk_kms::Client {
    let http = infallible_client_fn(move |request| {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        assert_eq!(request.headers()["x-amz-target"], "TrentService.Decrypt");
        let context: BTreeMap<String, String> =
            serde_json::from_value(body["EncryptionContext"].clone()).unwrap();
        let ciphertext = BASE64.decode(body["CiphertextBlob"].as_str().unwrap().as_bytes()).unwrap();
        let key_arn = body["KeyId"].as_str().unwrap();
        let sealed = DataKeyCiphertext { key_arn, context: &context, ciphertext: &ciphertext };
        let (status, answer) = match keys.find(&sealed) {
            Some(key) => (200, json!({ "KeyId": key_arn, "Plaintext": key })),
            None => (400, json!({ "__type": "InvalidCiphertextException" })),
        };
        http::Response::builder().status(status).body(answer.to_string()).unwrap()
    });
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .http_client(http);
    aws_sdk_kms::Client::from_conf(config.build())
}

struct Pair {
    own: Own<SampleDataKeys>,
    official: Official,
}

impl Pair {
    async fn new(samples: Vec<SealedSample>) -> Self {
        let (key, pool) = (SealedSample::KEY_ARN, SealedSample::USER_POOL_ID);
        let keys = SampleDataKeys(samples);
        Self {
            official: Official::new(kms(keys.clone()), key, pool).await.unwrap(),
            own: Own::new(keys, key, pool),
        }
    }

    /// Returns the results of our reader and of AWS's.
    async fn open(&self, code: &str) -> (Option<String>, Option<String>) {
        (self.own.open(code).await.ok(), self.official.open(code).await.ok())
    }

    async fn open_bytes(&self, bytes: &[u8]) -> (Option<String>, Option<String>) {
        self.open(&BASE64.encode(bytes)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_opens_to_the_same_plaintext() {
    for sample in sealed_samples() {
        let pair = Pair::new(vec![sample.clone()]).await;
        let plaintext = Some(sample.plaintext);
        assert_eq!(pair.open(&sample.code).await, (plaintext.clone(), plaintext), "{}", sample.name);
    }
}

/// Cognito never sends these inputs, so our reader refuses them. They are genuine, and AWS's reader opens
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn inputs_only_our_reader_refuses_are_listed() {
    let mut only_ours = Vec::new();
    for sample in foreign_samples() {
        let pair = Pair::new(vec![sample.clone()]).await;
        let (own, official) = pair.open(&sample.code).await;
        assert_eq!(own, None, "{}", sample.name);
        only_ours.extend(official.map(|plaintext| (sample.name, plaintext)));
    }
    let names = [
        "several_frames",
        "several_frames_committed",
        "suite_0078_key_not_derived",
        "suite_0114_aes_128",
        "suite_0346_aes_192",
        "two_data_keys",
    ];
    let expected = names.map(|name| (format!("javascript/refused/{name}"), "123456".to_owned()));
    assert_eq!(only_ours, expected);
}

/// Flips another bit of each byte, for one sample of each SDK and suite.
#[tokio::test(flavor = "multi_thread")]
async fn both_refuse_a_flip_in_any_byte() {
    for sample in one_of_each_kind() {
        let pair = Pair::new(vec![sample.clone()]).await;
        let bytes = sample.bytes();
        for at in 0..bytes.len() {
            let mut tampered = bytes.clone();
            tampered[at] ^= 1 << (at % 8);
            assert_eq!(pair.open_bytes(&tampered).await, (None, None), "{}: byte {at}", sample.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_refuse_every_other_length() {
    for sample in one_of_each_kind() {
        let pair = Pair::new(vec![sample.clone()]).await;
        let mut bytes = sample.bytes();
        for length in 0..bytes.len() {
            let opened = pair.open_bytes(&bytes[..length]).await;
            assert_eq!(opened, (None, None), "{}: cut at {length}", sample.name);
        }
        bytes.push(0);
        assert_eq!(pair.open_bytes(&bytes).await, (None, None), "{}: one byte more", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_refuse_another_pool_and_another_key() {
    for sample in one_of_each_kind() {
        for (key, pool) in [
            (SealedSample::KEY_ARN, "us-east-1_Another"),
            ("arn:aws:kms:us-east-1:111122223333:key/another", SealedSample::USER_POOL_ID),
        ] {
            let keys = SampleDataKeys(vec![sample.clone()]);
            let official = Official::new(kms(keys.clone()), key, pool).await.unwrap();
            assert!(official.open(&sample.code).await.is_err(), "{} {key} {pool}", sample.name);
            assert!(
                Own::new(keys, key, pool).open(&sample.code).await.is_err(),
                "{} {key} {pool}",
                sample.name
            );
        }
    }
}

fn one_of_each_kind() -> Vec<SealedSample> {
    let mut kinds = BTreeMap::new();
    for sample in sealed_samples() {
        let sdk = sample.name.split('/').next().unwrap().to_owned();
        kinds.entry((sdk, sample.algorithm.clone())).or_insert(sample);
    }
    assert_eq!(kinds.len(), 8);
    kinds.into_values().collect()
}
