//! The Cognito adapter keeps the port's contract at a user pool that speaks Cognito's protocol.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use serde_json::json;
use shared::{
    config,
    factors::TotpSecret,
    kernel::{AccessToken, Clock as _, OneTimeCode, SystemClock},
};
use shared_aws::{Aws, AwsSettings, UserPool};
use shared_testkit::contract;

mod pool;

#[tokio::test(flavor = "multi_thread")]
async fn native_factors() {
    let pool = pool::start().await;
    let token = pool.sign_up_and_in("alex@example.com").await;

    let endpoint = pool.endpoint.clone();
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "MFA_TABLE" => Some("local".to_owned()),
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER" => Some(endpoint.clone()),
        _ => None,
    };
    let adapter = UserPool::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap());
    let revoke = async || {
        pool.pools.call("GlobalSignOut", json!({ "AccessToken": token })).await.unwrap();
    };
    contract::native_factors(&adapter, &AccessToken::from_authorization(&token).unwrap(), code, revoke).await;
}

/// What an authenticator app shows now (RFC 6238: SHA-1, 6 digits, 30 s).
fn code(secret: &TotpSecret) -> OneTimeCode {
    let seed = data_encoding::BASE32_NOPAD.decode(secret.expose().as_bytes()).unwrap();
    let seconds = u64::try_from(SystemClock.now().as_second()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(seed).build().unwrap();
    OneTimeCode::parse(&totp.generate(seconds).to_string()).unwrap()
}
