//! Events have the form of the samples in `events/`, which were made from Cognito's documentation.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::bench::{EMAIL, KEY_ARN, PHONE, answering, arn, merged};
use crate::support::{Bench, PASSWORD, USERNAME, code_of};

/// Sign-up, confirmation, password, attributes, invitation, MFA: every occasion for a message.
async fn every_occasion(bench: &Bench, code: impl Fn() -> String) {
    let who = json!({"ClientId": bench.client, "Username": USERNAME});
    let attributes = json!([{"Name": "email", "Value": EMAIL}, {"Name": "phone_number", "Value": PHONE}]);
    bench
        .ok("SignUp", merged(who.clone(), json!({"Password": PASSWORD, "UserAttributes": attributes})))
        .await;
    bench.ok("ResendConfirmationCode", who.clone()).await;
    bench.ok("ConfirmSignUp", merged(who.clone(), json!({"ConfirmationCode": code()}))).await;
    bench.ok("ForgotPassword", who.clone()).await;
    let reset = json!({"ConfirmationCode": code(), "Password": PASSWORD});
    bench.ok("ConfirmForgotPassword", merged(who, reset)).await;
    let token = bench.access_token().await;
    let attribute = json!({"AccessToken": token, "AttributeName": "email"});
    bench.ok("GetUserAttributeVerificationCode", attribute).await;
    let new = json!([{"Name": "email", "Value": "new@example.com"}]);
    bench.ok("UpdateUserAttributes", json!({"AccessToken": token, "UserAttributes": new})).await;
    let invite = json!({
        "UserPoolId": bench.pool, "Username": "invited", "TemporaryPassword": PASSWORD,
        "DesiredDeliveryMediums": ["EMAIL"], "UserAttributes": [{"Name": "email", "Value": "invited@example.com"}],
    });
    bench.ok("AdminCreateUser", invite).await;
    let prefer = json!({"AccessToken": token, "EmailMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    bench.ok("SetUserMFAPreference", prefer).await;
    bench.with_password().await.unwrap();
}

async fn other_triggers(bench: &Bench) {
    let invited = json!({"USERNAME": "invited", "PASSWORD": PASSWORD});
    let challenge = bench.initiate("USER_PASSWORD_AUTH", invited).await.unwrap();
    let answers = json!({"USERNAME": "invited", "NEW_PASSWORD": "Another-horse-8"});
    let tokens = bench.respond(&challenge, answers).await.unwrap();
    let refresh = json!({"REFRESH_TOKEN": tokens["AuthenticationResult"]["RefreshToken"]});
    bench.initiate("REFRESH_TOKEN_AUTH", refresh).await.unwrap();
    bench.function("define", |event| Ok(answering(event, json!({"challengeName": "CUSTOM_CHALLENGE"}))));
    let challenge = bench.initiate("CUSTOM_AUTH", json!({"USERNAME": USERNAME})).await.unwrap();
    bench.respond(&challenge, json!({"ANSWER": "x"})).await.unwrap();
}

fn sample(source: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read_to_string(folder.join(format!("{source}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// `clientMetadata` comes and goes with the caller.
fn request_members(event: &Value) -> BTreeSet<&str> {
    let mut names = members(&event["request"]);
    names.remove("clientMetadata");
    names
}

fn assert_formed_like_samples(bench: &Bench, expected: &[&str]) {
    let mut seen = BTreeSet::new();
    for call in bench.functions.calls.lock().unwrap().iter() {
        let (source, event) = (call.trigger_source.as_str(), &call.payload);
        let sample = sample(source);
        assert_eq!(members(event), members(&sample), "{source}");
        assert_eq!(members(&event["callerContext"]), members(&sample["callerContext"]), "{source}");
        assert_eq!(event.get("response"), sample.get("response"), "{source}");
        assert_eq!(event["version"], sample["version"], "{source}");
        assert_eq!(request_members(event), request_members(&sample), "{source}");
        let (own, other) = (&event["request"]["userAttributes"], &sample["request"]["userAttributes"]);
        for name in ["sub", "cognito:user_status"] {
            assert_eq!(own.get(name).is_some(), other.get(name).is_some(), "{name} of {source}");
        }
        assert!(own.as_object().unwrap().values().all(Value::is_string), "{source}");
        seen.insert(source.to_owned());
    }
    assert_eq!(seen, expected.iter().map(|source| (*source).to_owned()).collect());
}

#[tokio::test]
async fn synchronous_triggers() {
    let lambda = json!({
        "PreSignUp": arn("pre-sign-up"),
        "PostConfirmation": arn("post-confirmation"),
        "PreAuthentication": arn("pre"),
        "PostAuthentication": arn("post"),
        "PreTokenGeneration": arn("token"),
        "CustomMessage": arn("message"),
        "DefineAuthChallenge": arn("define"),
        "CreateAuthChallenge": arn("create"),
        "VerifyAuthChallengeResponse": arn("verify"),
    });
    let bench = Bench::with(json!({"LambdaConfig": lambda}), json!({})).await;
    bench.set_mfa("OPTIONAL").await;
    every_occasion(&bench, || code_of(&bench, EMAIL)).await;
    other_triggers(&bench).await;
    assert_formed_like_samples(
        &bench,
        &[
            "CreateAuthChallenge_Authentication",
            "CustomMessage_AdminCreateUser",
            "CustomMessage_Authentication",
            "CustomMessage_ForgotPassword",
            "CustomMessage_ResendCode",
            "CustomMessage_SignUp",
            "CustomMessage_UpdateUserAttribute",
            "CustomMessage_VerifyUserAttribute",
            "DefineAuthChallenge_Authentication",
            "PostAuthentication_Authentication",
            "PostConfirmation_ConfirmForgotPassword",
            "PostConfirmation_ConfirmSignUp",
            "PreAuthentication_Authentication",
            "PreSignUp_AdminCreateUser",
            "PreSignUp_SignUp",
            "TokenGeneration_Authentication",
            "TokenGeneration_NewPasswordChallenge",
            "TokenGeneration_RefreshTokens",
            "VerifyAuthChallengeResponse_Authentication",
        ],
    );
}

#[tokio::test]
async fn custom_email_sender() {
    let sender = "CustomEmailSender";
    let lambda = json!({sender: {"LambdaVersion": "V1_0", "LambdaArn": arn("sender")}, "KMSKeyID": KEY_ARN});
    let bench = Bench::with(json!({"LambdaConfig": lambda}), json!({})).await;
    bench.set_mfa("OPTIONAL").await;
    let newest_code = || {
        let calls = bench.functions.calls.lock().unwrap();
        let code = calls.last().unwrap().payload["request"]["code"].as_str().unwrap().to_owned();
        crate::senders::decrypt(&code).1
    };
    every_occasion(&bench, newest_code).await;
    let occasions = [
        "AdminCreateUser",
        "Authentication",
        "ForgotPassword",
        "ResendCode",
        "SignUp",
        "UpdateUserAttribute",
        "VerifyUserAttribute",
    ];
    let expected: Vec<_> = occasions.iter().map(|occasion| format!("{sender}_{occasion}")).collect();
    assert_formed_like_samples(&bench, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}
