//! The contract test of the seeds' port, with a KMS that speaks KMS's protocol.

use end_to_end::Cloud;
use mfa_aws::{Aws, AwsSettings, SeedKey, SeedSettings};
use mfa_core::config;
use mfa_testkit::contract;

#[tokio::test(flavor = "multi_thread")]
async fn seeds() {
    let cloud = Cloud::start().await.unwrap();
    let variables = cloud.environment().unwrap();
    let lookup = |name: &str| variables.get(name).cloned();
    let read = |environment: &mut config::Environment<'_>| {
        (AwsSettings::read(environment), SeedSettings::read(environment))
    };
    let (aws, settings) = config::load(&lookup, read).unwrap();
    contract::seeds(&SeedKey::new(&Aws::new(aws).unwrap(), settings)).await;
    cloud.stop().await.unwrap();
}
