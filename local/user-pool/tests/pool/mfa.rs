//! The second factor at Cognito's hands.

use local_user_pool::{ErrorCode, Switches};
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, PHONE, access_token, arn, merged};
use crate::support::{Bench, PASSWORD, USERNAME, code_of, totp};

async fn bench(state: &str) -> Bench {
    let bench = Bench::new().await;
    bench.set_mfa(state).await;
    bench.add_user().await;
    bench
}

async fn prefer(bench: &Bench, token: &str, settings: &str) {
    let block = json!({"Enabled": true, "PreferredMfa": true});
    bench.ok("SetUserMFAPreference", json!({"AccessToken": token, settings: block})).await;
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test]
async fn a_wrong_totp_leaves_the_session_usable_and_a_right_one_works_once() {
    let bench = bench("OPTIONAL").await;
    let secret = bench.enrol_totp(&bench.access_token().await).await;
    bench.advance(60);
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    assert_eq!(challenge["ChallengeParameters"], json!({"USER_ID_FOR_SRP": USERNAME}));
    let code = totp(&secret, bench.seconds(), 0);
    let answer = |code: &str| {
        bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code, "SMS_MFA_CODE": code}))
    };
    for _ in 0..6 {
        let refused = answer(wrong(&code)).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (ErrorCode::CodeMismatch, "Invalid code received for user")
        );
    }
    access_token(&answer(&code).await.unwrap());

    let challenge = bench.with_password().await.unwrap();
    let reused = bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap_err();
    assert_eq!(
        (reused.code, reused.message.as_str()),
        (ErrorCode::ExpiredCode, "Your software token has already been used once.")
    );
    let next = totp(&secret, bench.seconds(), 1);
    bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": next})).await.unwrap();
}

#[tokio::test]
async fn the_code_that_verified_the_authenticator_is_used() {
    let bench = bench("OPTIONAL").await;
    let secret = bench.enrol_totp(&bench.access_token().await).await;
    let challenge = bench.with_password().await.unwrap();
    let code = totp(&secret, bench.seconds(), 0);
    let reused = bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap_err();
    assert_eq!(reused.message, "Your software token has already been used once.");
}

#[tokio::test]
async fn of_many_parallel_right_codes_one_succeeds() {
    let bench = bench("OPTIONAL").await;
    let secret = bench.enrol_totp(&bench.access_token().await).await;
    bench.advance(60);
    let code = totp(&secret, bench.seconds(), 0);
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(bench.with_password().await.unwrap());
    }
    let bench = std::sync::Arc::new(bench);
    let tries: Vec<_> = sessions
        .into_iter()
        .map(|challenge| {
            let (bench, code) = (bench.clone(), code.clone());
            tokio::spawn(
                async move { bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await },
            )
        })
        .collect();
    let mut granted = 0;
    for attempt in tries {
        granted += usize::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn verification_alone_switches_nothing_on() {
    let bench = bench("OPTIONAL").await;
    let token = bench.access_token().await;
    let secret = bench.ok("AssociateSoftwareToken", json!({"AccessToken": token})).await;
    let secret = secret["SecretCode"].as_str().unwrap();
    assert_eq!(secret.len(), 52);
    let code = totp(secret, bench.seconds(), 0);
    let verify = |code: &str| json!({"AccessToken": token, "UserCode": code});
    assert_eq!(
        bench.refused("VerifySoftwareToken", verify(wrong(&code))).await,
        (ErrorCode::EnableSoftwareTokenMFA, "Code mismatch and fail enable Software Token MFA".into())
    );
    assert_eq!(bench.ok("VerifySoftwareToken", verify(&code)).await, json!({"Status": "SUCCESS"}));
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert!(user.get("UserMFASettingList").is_none() && user.get("PreferredMfaSetting").is_none());
    access_token(&bench.with_password().await.unwrap());
}

#[tokio::test]
async fn associating_again_kills_the_old_authenticator_at_once() {
    let bench = bench("OPTIONAL").await;
    let token = bench.access_token().await;
    let old = bench.enrol_totp(&token).await;
    bench.advance(60);
    bench.ok("AssociateSoftwareToken", json!({"AccessToken": token})).await;
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert_eq!(user["UserMFASettingList"], json!(["SOFTWARE_TOKEN_MFA"]));
    let challenge = bench.with_password().await.unwrap();
    let code = totp(&old, bench.seconds(), 0);
    let refused = bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::CodeMismatch);
    let off = json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": false}});
    assert_eq!(
        bench.refused("SetUserMFAPreference", off).await,
        (ErrorCode::InvalidParameter, "User has not verified software token mfa".into())
    );
}

#[tokio::test]
async fn a_required_pool_does_not_let_totp_be_switched_off() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    bench.set_mfa("ON").await;
    bench.enrol_totp(&token).await;
    let off =
        json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": false, "PreferredMfa": false}});
    bench.ok("SetUserMFAPreference", off).await;
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SELECT_MFA_TYPE");
    assert_eq!(
        challenge["ChallengeParameters"]["MFAS_CAN_CHOOSE"],
        r#"["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]"#
    );
}

#[tokio::test]
async fn sms_codes_go_to_the_phone_and_verify_it() {
    let bench = bench("OPTIONAL").await;
    let token = bench.access_token().await;
    prefer(&bench, &token, "SMSMfaSettings").await;
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SMS_MFA");
    assert_eq!(
        challenge["ChallengeParameters"],
        json!({
            "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
            "CODE_DELIVERY_DESTINATION": "+*******0123",
            "USER_ID_FOR_SRP": USERNAME,
        })
    );
    let code = code_of(&bench, PHONE);
    let refused = bench.respond(&challenge, json!({"SMS_MFA_CODE": wrong(&code)})).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::CodeMismatch, "Invalid code or auth state for the user.")
    );
    let token = access_token(&bench.respond(&challenge, json!({"SMS_MFA_CODE": code})).await.unwrap());
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert!(
        user["UserAttributes"]
            .as_array()
            .unwrap()
            .contains(&json!({"Name": "phone_number_verified", "Value": "true"}))
    );
    let again = bench.respond(&challenge, json!({"SMS_MFA_CODE": code})).await.unwrap_err();
    assert_eq!(again.message, "Invalid session for the user, session can only be used once.");
}

#[tokio::test]
async fn several_factors_without_a_preference_are_a_choice() {
    let bench = bench("OPTIONAL").await;
    let token = bench.access_token().await;
    bench
        .ok(
            "SetUserMFAPreference",
            json!({
                "AccessToken": token,
                "SMSMfaSettings": {"Enabled": true},
                "EmailMfaSettings": {"Enabled": true},
                "SoftwareTokenMfaSettings": null,
            }),
        )
        .await;
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SELECT_MFA_TYPE");
    assert_eq!(challenge["ChallengeParameters"]["MFAS_CAN_CHOOSE"], r#"["SMS_MFA","EMAIL_OTP"]"#);
    let refused = bench.respond(&challenge, json!({"ANSWER": "SOFTWARE_TOKEN_MFA"})).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidParameter);
    let challenge = bench.respond(&challenge, json!({"ANSWER": "EMAIL_OTP"})).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "EMAIL_OTP");
    assert_eq!(challenge["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "a***@e***");
    let code = code_of(&bench, EMAIL);
    access_token(&bench.respond(&challenge, json!({"EMAIL_OTP_CODE": code})).await.unwrap());
}

#[tokio::test]
async fn preference_rules() {
    let bench = bench("OPTIONAL").await;
    let token = bench.access_token().await;
    let refused = async |blocks: Value| {
        let input = crate::support::bench::merged(json!({"AccessToken": token}), blocks);
        bench.refused("SetUserMFAPreference", input).await
    };
    assert_eq!(
        refused(json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await,
        (
            ErrorCode::InvalidParameter,
            "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA".into()
        )
    );
    let both = json!({"Enabled": true, "PreferredMfa": true});
    assert_eq!(
        refused(json!({"SMSMfaSettings": both, "EmailMfaSettings": both})).await.0,
        ErrorCode::InvalidParameter
    );
    assert_eq!(
        refused(json!({"SMSMfaSettings": {"PreferredMfa": true}})).await.0,
        ErrorCode::InvalidParameter
    );

    prefer(&bench, &token, "SMSMfaSettings").await;
    prefer(&bench, &token, "EmailMfaSettings").await;
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert_eq!(user["UserMFASettingList"], json!(["SMS_MFA", "EMAIL_OTP"]));
    assert_eq!(user["PreferredMfaSetting"], "EMAIL_OTP");
    bench
        .ok("SetUserMFAPreference", json!({"AccessToken": token, "EmailMfaSettings": {"Enabled": true}}))
        .await;
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert!(user.get("PreferredMfaSetting").is_none(), "Enabled alone drops the preference");
}

#[tokio::test]
async fn a_pool_that_demands_mfa_sets_totp_up_at_sign_in() {
    let bench = Bench::new().await;
    bench
        .ok(
            "SetUserPoolMfaConfig",
            json!({
                "UserPoolId": bench.pool,
                "MfaConfiguration": "ON",
                "SoftwareTokenMfaConfiguration": {"Enabled": true},
            }),
        )
        .await;
    bench.add_user().await;
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "MFA_SETUP");
    assert_eq!(challenge["ChallengeParameters"]["MFAS_CAN_SETUP"], r#"["SOFTWARE_TOKEN_MFA"]"#);
    let associated = bench.ok("AssociateSoftwareToken", json!({"Session": challenge["Session"]})).await;
    let secret = associated["SecretCode"].as_str().unwrap();
    let early = json!({"ChallengeName": "MFA_SETUP", "Session": associated["Session"]});
    assert_eq!(bench.respond(&early, json!({})).await.unwrap_err().code, ErrorCode::InvalidParameter);
    let code = totp(secret, bench.seconds(), 0);
    let verified =
        bench.ok("VerifySoftwareToken", json!({"Session": associated["Session"], "UserCode": code})).await;
    assert_eq!(verified["Status"], "SUCCESS");
    // On from here, whether or not the challenge is answered.
    assert_eq!(bench.with_password().await.unwrap()["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let done = json!({"ChallengeName": "MFA_SETUP", "Session": verified["Session"]});
    let token = access_token(&bench.respond(&done, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap());
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert_eq!(user["UserMFASettingList"], json!(["SOFTWARE_TOKEN_MFA"]));
}

#[tokio::test]
async fn totp_needs_the_pools_consent() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    assert_eq!(
        bench.refused("AssociateSoftwareToken", json!({"AccessToken": token})).await,
        (
            ErrorCode::SoftwareTokenMFANotFound,
            "Software Token MFA has not been enabled by the userPool".into()
        )
    );
}

#[tokio::test]
async fn a_function_words_the_message() {
    let bench = Bench::with(json!({"LambdaConfig": {"CustomMessage": arn("message")}}), json!({})).await;
    bench.set_mfa("OPTIONAL").await;
    bench.function("message", |event| {
        Ok(crate::support::bench::answering(
            event,
            json!({"smsMessage": "Mark {####}", "emailMessage": "Post {####}"}),
        ))
    });
    bench.add_user().await;
    prefer(&bench, &bench.access_token().await, "SMSMfaSettings").await;
    bench.with_password().await.unwrap();
    let event = bench.event("CustomMessage_Authentication");
    assert_eq!(event["request"]["codeParameter"], "{####}");
    assert_eq!(event["request"]["usernameParameter"], Value::Null);
    let outbox = bench.outbox.0.lock().unwrap();
    let message = outbox.last().unwrap();
    assert_eq!(message.text, format!("Mark {}", message.code.as_ref().unwrap()));
}

#[tokio::test]
async fn a_pool_that_demands_mfa_sets_email_up_at_sign_in() {
    let bench = Bench::new().await;
    let config = json!({"UserPoolId": bench.pool, "MfaConfiguration": "ON", "EmailMfaConfiguration": {}});
    bench.ok("SetUserPoolMfaConfig", config).await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let create = json!({"MessageAction": "SUPPRESS"});
    bench.ok("AdminCreateUser", merged(user.clone(), create)).await;
    let password = json!({"Password": PASSWORD, "Permanent": true});
    bench.ok("AdminSetUserPassword", merged(user.clone(), password)).await;

    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "MFA_SETUP");
    assert_eq!(challenge["ChallengeParameters"]["MFAS_CAN_SETUP"], r#"["EMAIL_OTP"]"#);
    let refused = bench.refused("AssociateSoftwareToken", json!({"Session": challenge["Session"]})).await;
    assert_eq!(refused.0, ErrorCode::SoftwareTokenMFANotFound);
    let challenge = bench.respond(&challenge, json!({"EMAIL": EMAIL})).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "EMAIL_OTP");
    let code = code_of(&bench, EMAIL);
    let refused = bench.respond(&challenge, json!({"EMAIL_OTP_CODE": wrong(&code)})).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::CodeMismatch);
    access_token(&bench.respond(&challenge, json!({"EMAIL_OTP_CODE": code})).await.unwrap());
    let now = bench.ok("AdminGetUser", user).await;
    assert_eq!(now["UserMFASettingList"], json!(["EMAIL_OTP"]));
    assert!(
        now["UserAttributes"]
            .as_array()
            .unwrap()
            .contains(&json!({"Name": "email_verified", "Value": "true"}))
    );
    assert_eq!(bench.with_password().await.unwrap()["ChallengeName"], "EMAIL_OTP");
}

#[tokio::test]
async fn wrong_codes_lock_only_if_the_switch_says_so() {
    let bench = bench("OPTIONAL").await;
    let secret = bench.enrol_totp(&bench.access_token().await).await;
    bench.advance(60);
    bench.pools.set_switches(Switches { lock_after_wrong_mfa_codes: true, ..Switches::default() });
    let challenge = bench.with_password().await.unwrap();
    let code = totp(&secret, bench.seconds(), 0);
    for _ in 0..5 {
        let refused =
            bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": wrong(&code)})).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::CodeMismatch);
    }
    let locked = bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap_err();
    assert_eq!(locked.message, "Password attempts exceeded");
    bench.advance(1);
    bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap();
}

#[tokio::test]
async fn the_pool_says_what_it_can_not_have() {
    let bench = Bench::new().await;
    let set = async |config: Value| {
        bench.refused("SetUserPoolMfaConfig", merged(json!({"UserPoolId": bench.pool}), config)).await
    };
    let text = |text: &str| (ErrorCode::InvalidParameter, text.to_owned());
    assert_eq!(
        set(json!({"MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {"Enabled": true}})).await,
        text("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
    );
    assert_eq!(
        set(json!({"MfaConfiguration": "ON"})).await,
        text("Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled.")
    );
    let bare = json!({"PoolName": "bare", "MfaConfiguration": "ON"});
    assert_eq!(
        bench.refused("CreateUserPool", bare).await,
        text(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        )
    );
    let recovery = |name: &str| json!({"RecoveryMechanisms": [{"Priority": 1, "Name": name}]});
    let pool = bench.make_pool(json!({"AccountRecoverySetting": recovery("verified_phone_number")})).await;
    let sms = json!({"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"}});
    let input = json!({"UserPoolId": pool, "MfaConfiguration": "ON", "SmsMfaConfiguration": sms});
    assert_eq!(
        bench.refused("SetUserPoolMfaConfig", input).await,
        text(
            "Account Recovery Setting cannot use verified_phone_number as a recovery mechanism when SMS MFA is configured."
        )
    );
    let lite = bench.make_pool(json!({"UserPoolTier": "LITE"})).await;
    let input = json!({"UserPoolId": lite, "MfaConfiguration": "ON", "EmailMfaConfiguration": {}});
    assert_eq!(bench.refused("SetUserPoolMfaConfig", input).await.0, ErrorCode::FeatureUnavailableInTier);
}
