//! The contract test of the Cognito adapter, with a user pool that speaks Cognito's protocol.

use data_encoding::BASE64;
use local_user_pool::UserPools;
use mfa_aws::{Aws, AwsSettings, UserPool};
use mfa_core::{
    config,
    delivery::toll_fraud::Destination,
    factors::{devices::DeviceId, enrolment::TotpSecret},
    kernel::{AccessToken, Clock as _, OneTimeCode, SystemClock},
};
use mfa_testkit::contract;
use serde_json::{Value, json};

use crate::pool::{self, Mailbox};

fn adapter(endpoint: &str) -> UserPool {
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "MFA_TABLE" => Some("local".to_owned()),
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER" => Some(endpoint.to_owned()),
        _ => None,
    };
    UserPool::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap())
}

fn access(token: &str) -> AccessToken {
    AccessToken::from_authorization(token).unwrap()
}

async fn revoke(pools: &UserPools, token: &str) {
    pools.call("GlobalSignOut", json!({ "AccessToken": token })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn native_factors() {
    let pool::Served { pools, mailbox, endpoint } = pool::serve().await;
    let token = sign_up_and_in(&pools, &mailbox).await.1;
    let revoke = async || revoke(&pools, &token).await;
    contract::native_factors(&adapter(&endpoint), &access(&token), code, revoke).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn address_book() {
    let pool::Served { pools, mailbox, endpoint } = pool::serve().await;
    let token = sign_up_and_in(&pools, &mailbox).await.1;
    let sent = |to: &Destination| OneTimeCode::parse(&mailbox.last_code_by(to.channel())).unwrap();
    let revoke = async || revoke(&pools, &token).await;
    contract::address_book(&adapter(&endpoint), &access(&token), sent, revoke).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_registry() {
    let pool::Served { pools, mailbox, endpoint } = pool::serve().await;
    let (client, token) = sign_up_and_in(&pools, &mailbox).await;
    let mut ids = Vec::new();
    for _ in 0..61 {
        let signed_in = sign_in(&pools, &client).await;
        let device = signed_in.pointer("/AuthenticationResult/NewDeviceMetadata/DeviceKey").unwrap();
        let own = signed_in.pointer("/AuthenticationResult/AccessToken").unwrap();
        let verifier = json!({
            "PasswordVerifier": BASE64.encode(&[1; 384]), "Salt": BASE64.encode(&[1; 16]),
        });
        let confirmed =
            json!({ "AccessToken": own, "DeviceKey": device, "DeviceSecretVerifierConfig": verifier });
        pools.call("ConfirmDevice", confirmed).await.unwrap();
        ids.push(DeviceId::parse(device.as_str().unwrap()).unwrap());
    }
    let revoke = async || revoke(&pools, &token).await;
    contract::device_registry(&adapter(&endpoint), &access(&token), &ids, revoke).await;
}

/// Returns the current code of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s).
fn code(secret: &TotpSecret) -> OneTimeCode {
    let seed = data_encoding::BASE32_NOPAD.decode(secret.expose().as_bytes()).unwrap();
    let seconds = u64::try_from(SystemClock.now().as_second()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(seed).build().unwrap();
    OneTimeCode::parse(&totp.generate(seconds).to_string()).unwrap()
}

const USER: &str = "alex@example.com";
const PASSWORD: &str = "Correct-Horse-7";

async fn sign_in(pools: &UserPools, client: &str) -> Value {
    let sign_in = json!({
        "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": USER, "PASSWORD": PASSWORD },
    });
    pools.call("InitiateAuth", sign_in).await.unwrap()
}

/// Returns the app client, and an access token.
async fn sign_up_and_in(pools: &UserPools, mailbox: &Mailbox) -> (String, String) {
    let call = async |operation: &str, input: Value| pools.call(operation, input).await.unwrap();
    let text = |answer: &Value, at: &str| answer.pointer(at).and_then(Value::as_str).unwrap().to_owned();

    let pool = json!({
        "PoolName": "p", "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"],
        "DeviceConfiguration": {
            "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false,
        },
    });
    let pool = text(&call("CreateUserPool", pool).await, "/UserPool/Id");
    let mfa = json!({
        "UserPoolId": pool, "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": { "Enabled": true },
    });
    call("SetUserPoolMfaConfig", mfa).await;
    let client = json!({
        "UserPoolId": pool, "ClientName": "c",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    });
    let client = text(&call("CreateUserPoolClient", client).await, "/UserPoolClient/ClientId");

    let attributes = json!([{ "Name": "email", "Value": USER }]);
    let user =
        json!({ "ClientId": client, "Username": USER, "Password": PASSWORD, "UserAttributes": attributes });
    call("SignUp", user).await;
    let code = mailbox.last_code();
    call("ConfirmSignUp", json!({ "ClientId": client, "Username": USER, "ConfirmationCode": code })).await;
    let token = text(&sign_in(pools, &client).await, "/AuthenticationResult/AccessToken");
    (client, token)
}
