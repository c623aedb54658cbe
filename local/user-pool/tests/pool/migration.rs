//! The trigger `UserMigration`: users of another directory come in with their password or their forgotten one.

use local_user_pool::ErrorCode;
use local_user_pool::ports::FunctionFault;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, PHONE, access_token, answering, arn};
use crate::support::{Bench, PASSWORD, USERNAME, code_of};

async fn migrating(existence: &str) -> Bench {
    let lambda = json!({"LambdaConfig": {
        "UserMigration": arn("migrate"), "PreSignUp": arn("sign-up"), "PreAuthentication": arn("pre"),
    }});
    let client = json!({
        "PreventUserExistenceErrors": existence,
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"],
    });
    Bench::with(lambda, client).await
}

/// A directory with one user.
fn directory(bench: &Bench, more: Value) {
    bench.function("migrate", move |event| {
        let password = event["request"]["password"].as_str().unwrap_or_default();
        let is_known = event["userName"] == USERNAME
            && (password == PASSWORD || event["triggerSource"] == "UserMigration_ForgotPassword");
        if !is_known {
            return Err(FunctionFault::Function { message: "Bad user".to_owned() });
        }
        let attributes = json!({
            "email": EMAIL, "email_verified": "true", "phone_number": PHONE, "phone_number_verified": "true",
        });
        let answer = json!({"userAttributes": attributes, "finalUserStatus": "CONFIRMED"});
        Ok(answering(answering(event, answer), more.clone()))
    });
}

#[tokio::test]
async fn a_known_password_brings_the_user_in() {
    for existence in ["ENABLED", "LEGACY"] {
        let bench = migrating(existence).await;
        directory(&bench, json!({}));
        let parameters = json!({"USERNAME": USERNAME, "PASSWORD": "Wrong-horse-7"});
        let refused = bench.initiate("USER_PASSWORD_AUTH", parameters).await.unwrap_err();
        assert_eq!(refused.message, "UserMigration failed with error Bad user.");
        bench.forget_calls();
        access_token(&bench.with_password().await.unwrap());
        assert_eq!(bench.sources(), ["UserMigration_Authentication", "PreAuthentication_Authentication"]);
        let event = bench.event("UserMigration_Authentication");
        assert_eq!((&event["userName"], &event["request"]["password"]), (&json!(USERNAME), &json!(PASSWORD)));
        // From now on the pool knows the user, by SRP too.
        bench.forget_calls();
        access_token(&bench.with_srp(USERNAME, PASSWORD).await.unwrap());
        assert_eq!(bench.sources(), ["PreAuthentication_Authentication"]);
    }
}

#[tokio::test]
async fn only_flows_with_the_password_migrate() {
    let bench = migrating("ENABLED").await;
    directory(&bench, json!({}));
    assert!(bench.with_srp(USERNAME, PASSWORD).await.is_err());
    bench.initiate("USER_AUTH", json!({"USERNAME": USERNAME})).await.unwrap();
    assert!(bench.sources().iter().all(|source| !source.starts_with("UserMigration")));
    let parameters = json!({"USERNAME": USERNAME, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
    access_token(&bench.initiate("USER_AUTH", parameters).await.unwrap());
}

#[tokio::test]
async fn the_function_decides_about_reset_and_sms_mfa() {
    let bench = migrating("ENABLED").await;
    directory(&bench, json!({"finalUserStatus": null}));
    assert_eq!(bench.with_password().await.unwrap_err().code, ErrorCode::PasswordResetRequired);

    let bench = migrating("ENABLED").await;
    directory(&bench, json!({"enableSMSMFA": true}));
    assert_eq!(bench.with_password().await.unwrap_err().code, ErrorCode::InvalidLambdaResponse);
    bench.set_mfa("OPTIONAL").await;
    assert_eq!(bench.with_password().await.unwrap()["ChallengeName"], "SMS_MFA");

    let bench = migrating("ENABLED").await;
    directory(&bench, json!({"userAttributes": null}));
    assert_eq!(bench.with_password().await.unwrap_err().code, ErrorCode::InvalidLambdaResponse);
}

#[tokio::test]
async fn a_forgotten_password_brings_the_user_in() {
    let bench = migrating("ENABLED").await;
    directory(&bench, json!({"finalUserStatus": "RESET_REQUIRED"}));
    let forgot = json!({"ClientId": bench.client, "Username": USERNAME, "ClientMetadata": {"from": "app"}});
    bench.ok("ForgotPassword", forgot).await;
    let event = bench.event("UserMigration_ForgotPassword");
    assert_eq!(event["request"]["clientMetadata"], json!({"from": "app"}));
    let confirm = json!({
        "ClientId": bench.client, "Username": USERNAME, "Password": PASSWORD,
        "ConfirmationCode": code_of(&bench, PHONE),
    });
    bench.ok("ConfirmForgotPassword", confirm).await;
    access_token(&bench.with_password().await.unwrap());
}
