//! The Cognito adapter keeps the port's contract at a user pool that speaks Cognito's protocol.

use local_user_pool::UserPools;
use serde_json::{Value, json};
use shared::{
    config,
    factors::TotpSecret,
    kernel::{AccessToken, Clock as _, OneTimeCode, SystemClock},
};
use shared_aws::{Aws, AwsSettings, UserPool};
use shared_testkit::contract;

use crate::pool::{self, Mailbox};

#[tokio::test(flavor = "multi_thread")]
async fn native_factors() {
    let pool::Served { pools, mailbox, endpoint } = pool::serve().await;
    let token = sign_up_and_in(&pools, &mailbox).await;

    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "MFA_TABLE" => Some("local".to_owned()),
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER" => Some(endpoint.clone()),
        _ => None,
    };
    let adapter = UserPool::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap());
    let revoke = async || {
        pools.call("GlobalSignOut", json!({ "AccessToken": token })).await.unwrap();
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

async fn sign_up_and_in(pools: &UserPools, mailbox: &Mailbox) -> String {
    const USER: &str = "alex@example.com";
    const PASSWORD: &str = "Correct-Horse-7";
    let call = async |operation: &str, input: Value| pools.call(operation, input).await.unwrap();
    let text = |answer: &Value, at: &str| answer.pointer(at).and_then(Value::as_str).unwrap().to_owned();

    let pool =
        json!({ "PoolName": "p", "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"] });
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
    let sign_in = json!({
        "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": USER, "PASSWORD": PASSWORD },
    });
    text(&call("InitiateAuth", sign_in).await, "/AuthenticationResult/AccessToken")
}
