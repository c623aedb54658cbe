//! Remembered devices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_user_pool::ErrorCode;
use num_bigint::BigUint;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, access_token, arn, claims};
use crate::support::srp_client::{SrpClient, device_verifier};
use crate::support::{Bench, PASSWORD, USERNAME, code_of, totp};

const DEVICE_PASSWORD: &str = "device secret";

struct Device {
    key: String,
    group: String,
    /// The refresh token of the sign-in that made it.
    refresh: Value,
}

async fn bench(opt_in: bool) -> Bench {
    let bench = Bench::with(
        json!({
            "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": opt_in,
            },
            "LambdaConfig": {"PreTokenGeneration": arn("token"), "PostAuthentication": arn("post")},
        }),
        json!({}),
    )
    .await;
    bench.set_mfa("OPTIONAL").await;
    bench.add_user().await;
    bench
}

/// Signs in and confirms the device.
async fn confirm(bench: &Bench) -> (Device, String, Value) {
    let answer = bench.with_password().await.unwrap();
    let token = access_token(&answer);
    let metadata = &answer["AuthenticationResult"]["NewDeviceMetadata"];
    let (key, group) = (
        metadata["DeviceKey"].as_str().unwrap(),
        metadata["DeviceGroupKey"].as_str().unwrap(),
    );
    assert_eq!(claims(&token)["device_key"], key);
    // A salt with its top bit set: the padding byte goes over the wire.
    let salt = BigUint::from_bytes_be(&[0xF0; 16]);
    let (salt, verifier) = device_verifier(group, key, DEVICE_PASSWORD, &salt);
    let confirmed = bench
        .ok(
            "ConfirmDevice",
            json!({
                "AccessToken": token, "DeviceKey": key, "DeviceName": "laptop",
                "DeviceSecretVerifierConfig": {"Salt": STANDARD.encode(salt), "PasswordVerifier": STANDARD.encode(verifier)},
            }),
        )
        .await;
    let refresh = answer["AuthenticationResult"]["RefreshToken"].clone();
    (
        Device {
            key: key.to_owned(),
            group: group.to_owned(),
            refresh,
        },
        token,
        confirmed,
    )
}

/// Password, then the device's own SRP.
async fn sign_in_with(
    bench: &Bench,
    device: &Device,
    password: &str,
) -> Result<Value, local_user_pool::ApiError> {
    let parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD, "DEVICE_KEY": device.key});
    let challenge = bench.initiate("USER_PASSWORD_AUTH", parameters).await?;
    if challenge["ChallengeName"] != "DEVICE_SRP_AUTH" {
        return Ok(challenge);
    }
    let client = SrpClient::new();
    let answers = json!({"SRP_A": client.srp_a(), "DEVICE_KEY": device.key});
    let challenge = bench.respond(&challenge, answers).await?;
    assert_eq!(challenge["ChallengeName"], "DEVICE_PASSWORD_VERIFIER");
    let mut answers = client.proof(&device.group, &device.key, &challenge, password);
    answers["DEVICE_KEY"] = json!(device.key);
    bench.respond(&challenge, answers).await
}

#[tokio::test]
async fn a_remembered_device_stands_for_the_code() {
    let bench = bench(false).await;
    let (device, token, confirmed) = confirm(&bench).await;
    assert_eq!(confirmed["UserConfirmationNecessary"], false);
    assert_eq!(
        bench.event("PostAuthentication_Authentication")["request"]["newDeviceUsed"],
        true
    );
    bench.enrol_totp(&token).await;

    let answer = sign_in_with(&bench, &device, DEVICE_PASSWORD).await.unwrap();
    let token = access_token(&answer);
    assert!(answer["AuthenticationResult"].get("NewDeviceMetadata").is_none());
    assert_eq!(claims(&token)["device_key"], device.key.as_str());
    bench.event("TokenGeneration_AuthenticateDevice");
    assert_eq!(
        bench.event("PostAuthentication_Authentication")["request"]["newDeviceUsed"],
        false
    );

    let wrong = sign_in_with(&bench, &device, "guess").await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::NotAuthorized);
    assert_eq!(
        bench.with_password().await.unwrap()["ChallengeName"],
        "SOFTWARE_TOKEN_MFA"
    );
}

#[tokio::test]
async fn opting_in_takes_a_second_step() {
    let bench = bench(true).await;
    let (device, token, confirmed) = confirm(&bench).await;
    assert_eq!(confirmed["UserConfirmationNecessary"], true);
    let secret = bench.enrol_totp(&token).await;
    bench.advance(60);
    let challenge = sign_in_with(&bench, &device, DEVICE_PASSWORD).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = totp(&secret, bench.seconds(), 0);
    let answer = bench
        .respond(
            &challenge,
            json!({"SOFTWARE_TOKEN_MFA_CODE": code, "DEVICE_KEY": device.key}),
        )
        .await
        .unwrap();
    assert!(answer["AuthenticationResult"].get("NewDeviceMetadata").is_none());
    let status =
        json!({"AccessToken": token, "DeviceKey": device.key, "DeviceRememberedStatus": "remembered"});
    bench.ok("UpdateDeviceStatus", status).await;
    access_token(&sign_in_with(&bench, &device, DEVICE_PASSWORD).await.unwrap());
}

#[tokio::test]
async fn email_codes_are_asked_all_the_same() {
    let bench = bench(false).await;
    let (device, token, _) = confirm(&bench).await;
    let prefer = json!({"AccessToken": token, "EmailMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    bench.ok("SetUserMFAPreference", prefer).await;
    let challenge = sign_in_with(&bench, &device, DEVICE_PASSWORD).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "EMAIL_OTP");
    let next = bench
        .respond(&challenge, json!({"EMAIL_OTP_CODE": code_of(&bench, EMAIL)}))
        .await
        .unwrap();
    assert_eq!(
        next["ChallengeName"], "DEVICE_SRP_AUTH",
        "the device is proven as well"
    );
    let switches = local_user_pool::Switches {
        remembered_device_replaces_email_mfa: true,
        ..Default::default()
    };
    bench.pools.set_switches(switches);
    access_token(&sign_in_with(&bench, &device, DEVICE_PASSWORD).await.unwrap());
}

#[rstest]
#[case(
    "us-east-1_00000000-0000-0000-0000-000000000000",
    ErrorCode::ResourceNotFound,
    "Device does not exist."
)]
#[case("no key", ErrorCode::InvalidParameter, "Invalid device key given.")]
#[tokio::test]
async fn keys_that_name_no_device(#[case] key: &str, #[case] code: ErrorCode, #[case] text: &str) {
    let bench = bench(false).await;
    let parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD, "DEVICE_KEY": key});
    let refused = bench
        .initiate("USER_PASSWORD_AUTH", parameters)
        .await
        .unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (code, text));
}

#[tokio::test]
async fn refreshing_needs_the_device() {
    let bench = bench(false).await;
    let (device, ..) = confirm(&bench).await;
    let refused = bench
        .initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": device.refresh}))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::NotAuthorized, "Invalid Refresh Token")
    );
    let parameters = json!({"REFRESH_TOKEN": device.refresh, "DEVICE_KEY": device.key});
    let answer = bench.initiate("REFRESH_TOKEN_AUTH", parameters).await.unwrap();
    assert_eq!(claims(&access_token(&answer))["device_key"], device.key.as_str());
}

#[tokio::test]
async fn devices_are_listed_and_forgotten() {
    let bench = bench(false).await;
    let (device, token, _) = confirm(&bench).await;
    let one = json!({"AccessToken": token, "DeviceKey": device.key});
    let got = bench.ok("GetDevice", one.clone()).await;
    assert_eq!(got["Device"]["DeviceKey"], device.key.as_str());
    assert_eq!(
        got["Device"]["DeviceAttributes"],
        json!([
            {"Name": "device_status", "Value": "remembered"},
            {"Name": "device_name", "Value": "laptop"},
            {"Name": "last_ip_used", "Value": "127.0.0.1"},
        ])
    );
    let own = bench.ok("ListDevices", json!({"AccessToken": token})).await;
    assert_eq!(own["Devices"].as_array().unwrap().len(), 1);
    let admin = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    assert_eq!(bench.ok("AdminListDevices", admin).await, own);
    bench.ok("ForgetDevice", one.clone()).await;
    assert_eq!(
        bench.refused("ForgetDevice", one).await.0,
        ErrorCode::ResourceNotFound
    );
}

#[tokio::test]
async fn a_device_confirms_once_and_only_the_one_that_was_offered() {
    let bench = bench(false).await;
    let (device, token, _) = confirm(&bench).await;
    let verifier = json!({"Salt": "AQ==", "PasswordVerifier": "AQ=="});
    let again =
        json!({"AccessToken": token, "DeviceKey": device.key, "DeviceSecretVerifierConfig": verifier});
    assert_eq!(
        bench.refused("ConfirmDevice", again.clone()).await.0,
        ErrorCode::DeviceKeyExists
    );
    let mut other = again;
    other["DeviceKey"] = json!("us-east-1_00000000-0000-0000-0000-000000000000");
    assert_eq!(
        bench.refused("ConfirmDevice", other).await.0,
        ErrorCode::InvalidParameter
    );
}
