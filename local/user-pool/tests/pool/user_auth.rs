//! Choice-based sign-in, `USER_AUTH`, with passwords and one-time passwords; automatic sign-in after sign-up.

use local_user_pool::ErrorCode;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, PHONE, answering, arn, claims, merged};
use crate::support::{Bench, PASSWORD, SrpClient, USERNAME, code_of};

const ALL: [&str; 4] = ["PASSWORD", "WEB_AUTHN", "EMAIL_OTP", "SMS_OTP"];

async fn choice_bench(allowed: &[&str], pool: Value) -> Bench {
    let policies = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": allowed}}});
    let client = json!({"ExplicitAuthFlows": [
        "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
    ]});
    Bench::with(merged(policies, pool), client).await
}

async fn begin(bench: &Bench, name: &str, more: Value) -> Value {
    bench.initiate("USER_AUTH", merged(json!({"USERNAME": name}), more)).await.unwrap()
}

fn tokens(answer: &Value) -> &Value {
    assert!(answer["AuthenticationResult"]["AccessToken"].is_string(), "{answer}");
    &answer["AuthenticationResult"]
}

#[tokio::test]
async fn without_a_preference_the_user_chooses() {
    let bench = choice_bench(&ALL, json!({})).await;
    bench.add_user().await;
    let offered = begin(&bench, USERNAME, json!({})).await;
    assert_eq!(offered["ChallengeName"], "SELECT_CHALLENGE");
    // No passkey yet.
    assert_eq!(offered["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]));

    let refused = bench.respond(&offered, json!({"ANSWER": "WEB_AUTHN"})).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidParameter);
    let answer = bench.respond(&offered, json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD})).await.unwrap();
    tokens(&answer);
    let again = bench.respond(&offered, json!({"ANSWER": "EMAIL_OTP"})).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::NotAuthorized, "a choice is made once");
}

#[tokio::test]
async fn each_choice_leads_to_tokens() {
    let bench = choice_bench(&ALL, json!({})).await;
    bench.add_user().await;
    for (choice, to, answer) in [("EMAIL_OTP", EMAIL, "EMAIL_OTP_CODE"), ("SMS_OTP", PHONE, "SMS_OTP_CODE")] {
        let offered = begin(&bench, USERNAME, json!({})).await;
        let challenge = bench.respond(&offered, json!({"ANSWER": choice})).await.unwrap();
        assert_eq!(challenge["ChallengeName"], choice);
        let code = code_of(&bench, to);
        assert_eq!(code.len(), 8);
        let wrong = bench.respond(&challenge, json!({answer: "00000000"})).await.unwrap_err();
        assert_eq!(wrong.code, ErrorCode::CodeMismatch);
        tokens(&bench.respond(&challenge, json!({answer: code})).await.unwrap());
        let again = bench.respond(&challenge, json!({answer: code})).await.unwrap_err();
        assert_eq!(again.code, ErrorCode::NotAuthorized, "a code counts once");
    }
    let srp = SrpClient::new();
    let offered = begin(&bench, USERNAME, json!({})).await;
    let answer = json!({"ANSWER": "PASSWORD_SRP", "SRP_A": srp.srp_a()});
    let challenge = bench.respond(&offered, answer).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "PASSWORD_VERIFIER");
    let proof = srp.answer(&bench.pool, &challenge, PASSWORD);
    tokens(&bench.respond(&challenge, proof).await.unwrap());
}

#[tokio::test]
async fn the_choice_may_be_the_challenge_name_of_the_answer() {
    let bench = choice_bench(&ALL, json!({})).await;
    bench.add_user().await;
    let offered = begin(&bench, USERNAME, json!({})).await;
    let named = merged(offered, json!({"ChallengeName": "PASSWORD"}));
    tokens(&bench.respond(&named, json!({"PASSWORD": PASSWORD})).await.unwrap());

    // Without the password comes a challenge of its own.
    let offered = begin(&bench, USERNAME, json!({})).await;
    let asked = bench.respond(&offered, json!({"ANSWER": "PASSWORD"})).await.unwrap();
    assert_eq!(asked["ChallengeName"], "PASSWORD");
    let wrong = bench.respond(&asked, json!({"PASSWORD": "Wrong-horse-7"})).await.unwrap_err();
    assert_eq!(wrong.message, "Incorrect username or password.");
    let used = bench.respond(&asked, json!({"PASSWORD": PASSWORD})).await.unwrap_err();
    assert!(used.message.contains("only be used once"), "{}", used.message);
    let srp = SrpClient::new();
    let offered = begin(&bench, USERNAME, json!({})).await;
    let asked = bench.respond(&offered, json!({"ANSWER": "PASSWORD_SRP"})).await.unwrap();
    let challenge = bench.respond(&asked, json!({"SRP_A": srp.srp_a()})).await.unwrap();
    tokens(&bench.respond(&challenge, srp.answer(&bench.pool, &challenge, PASSWORD)).await.unwrap());
}

#[tokio::test]
async fn a_preferred_challenge_comes_at_once_or_the_choice_does() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    bench.add_user().await;
    let parameters = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
    tokens(&begin(&bench, USERNAME, parameters).await);
    let srp = SrpClient::new();
    let parameters = json!({"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": srp.srp_a()});
    let challenge = begin(&bench, USERNAME, parameters).await;
    tokens(&bench.respond(&challenge, srp.answer(&bench.pool, &challenge, PASSWORD)).await.unwrap());
    let challenge = begin(&bench, USERNAME, json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
    assert_eq!(challenge["ChallengeParameters"]["CODE_DELIVERY_DELIVERY_MEDIUM"], "EMAIL");
    assert_eq!(challenge["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "a***@e***");

    let offered = begin(&bench, USERNAME, json!({"PREFERRED_CHALLENGE": "SMS_OTP"})).await;
    assert_eq!(offered["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]));
    for wrong in [
        json!({"PREFERRED_CHALLENGE": "FACE"}),
        json!({"PREFERRED_CHALLENGE": "PASSWORD"}),
        json!({"PREFERRED_CHALLENGE": "PASSWORD_SRP"}),
    ] {
        let parameters = merged(json!({"USERNAME": USERNAME}), wrong);
        let refused = bench.initiate("USER_AUTH", parameters).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidParameter);
    }
}

#[tokio::test]
async fn a_client_needs_the_flow() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let refused = bench.initiate("USER_AUTH", json!({"USERNAME": USERNAME})).await.unwrap_err();
    assert_eq!(refused.message, "USER_AUTH flow not enabled for this client");
}

#[tokio::test]
async fn step_up_is_refused_and_not_ignored() {
    let bench = choice_bench(&["PASSWORD"], json!({})).await;
    bench.add_user().await;
    let parameters = json!({
        "USERNAME": USERNAME, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD,
        "TARGET_ACR_VALUES": "urn:cognito:loa:3",
    });
    let refused = bench.initiate("USER_AUTH", parameters).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnsupportedOperation);
}

#[tokio::test]
async fn an_unknown_user_looks_like_a_known_one() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    bench.add_user().await;
    let known = begin(&bench, USERNAME, json!({})).await;
    let unknown = begin(&bench, "stranger", json!({})).await;
    assert_eq!(known["AvailableChallenges"], unknown["AvailableChallenges"]);

    let preferred = json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let known = begin(&bench, USERNAME, preferred.clone()).await;
    let sent = bench.outbox.0.lock().unwrap().len();
    let unknown = begin(&bench, "stranger", preferred.clone()).await;
    assert_eq!(bench.outbox.0.lock().unwrap().len(), sent, "no message goes out");
    let names = |challenge: &Value| -> Vec<String> {
        challenge["ChallengeParameters"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&known), names(&unknown));
    let again = begin(&bench, "stranger", preferred).await;
    assert_eq!(again["ChallengeParameters"], unknown["ChallengeParameters"], "the same place each time");
    let answer = json!({"USERNAME": "stranger", "EMAIL_OTP_CODE": "12345678"});
    let of_unknown = bench.respond(&unknown, answer).await.unwrap_err();
    let of_known = bench.respond(&known, json!({"EMAIL_OTP_CODE": "12345678"})).await.unwrap_err();
    assert_eq!((of_unknown.code, of_unknown.message), (of_known.code, of_known.message));

    let password = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD, "USERNAME": "stranger"});
    let refused = bench.initiate("USER_AUTH", password).await.unwrap_err();
    assert_eq!(refused.message, "Incorrect username or password.");
}

#[tokio::test]
async fn a_user_with_mfa_has_the_password_only() {
    let bench = choice_bench(&ALL, json!({})).await;
    bench.add_user().await;
    let token = bench.access_token().await;
    bench.set_mfa("OPTIONAL").await;
    let secret = bench.enrol_totp(&token).await;
    let offered = begin(&bench, USERNAME, json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
    assert_eq!(offered["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
    let asked = bench.respond(&offered, json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD})).await.unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = crate::support::totp(&secret, bench.seconds(), 1);
    tokens(&bench.respond(&asked, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap());
}

#[tokio::test]
async fn a_temporary_password_comes_before_codes() {
    let bench = choice_bench(&ALL, json!({})).await;
    let user = json!({
        "UserPoolId": bench.pool, "Username": USERNAME, "TemporaryPassword": PASSWORD,
        "UserAttributes": [{"Name": "email", "Value": EMAIL}],
    });
    bench.ok("AdminCreateUser", user).await;
    let offered = begin(&bench, USERNAME, json!({})).await;
    assert_eq!(offered["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
    let asked = bench.respond(&offered, json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD})).await.unwrap();
    assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
}

#[tokio::test]
async fn triggers_of_a_code_sign_in() {
    let lambda = json!({"LambdaConfig": {
        "PreAuthentication": arn("pre"), "PostAuthentication": arn("post"), "CustomMessage": arn("message"),
        "PreTokenGeneration": arn("token"), "DefineAuthChallenge": arn("define"),
    }});
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], lambda).await;
    bench.add_user().await;
    bench.forget_calls();
    let input = json!({
        "ClientId": bench.client, "AuthFlow": "USER_AUTH", "ClientMetadata": {"from": "app"},
        "AuthParameters": {"USERNAME": USERNAME, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
    });
    let challenge = bench.ok("InitiateAuth", input).await;
    assert_eq!(bench.sources(), ["PreAuthentication_Authentication", "CustomMessage_Authentication"]);
    let event = bench.event("PreAuthentication_Authentication");
    assert_eq!(event["request"]["validationData"], json!({"from": "app"}));
    let code = code_of(&bench, EMAIL);
    bench.respond(&challenge, json!({"EMAIL_OTP_CODE": code})).await.unwrap();
    assert_eq!(bench.sources()[2..], ["PostAuthentication_Authentication", "TokenGeneration_Authentication"]);

    bench.function("pre", |event| Ok(answering(event, json!({}))));
    bench.function("pre", |_| {
        Err(local_user_pool::ports::FunctionFault::Function { message: "closed".to_owned() })
    });
    let refused = bench.initiate("USER_AUTH", json!({"USERNAME": USERNAME})).await.unwrap_err();
    assert_eq!(refused.message, "PreAuthentication failed with error closed.");
}

async fn sign_up(bench: &Bench, password: Option<&str>) -> Value {
    let input = json!({
        "ClientId": bench.client, "Username": USERNAME, "Password": password,
        "UserAttributes": [{"Name": "email", "Value": EMAIL}],
    });
    bench.ok("SignUp", input).await
}

async fn confirm(bench: &Bench, session: &Value) -> Value {
    let input = json!({
        "ClientId": bench.client, "Username": USERNAME, "ConfirmationCode": code_of(bench, EMAIL),
        "Session": session,
    });
    bench.ok("ConfirmSignUp", input).await
}

async fn auto_sign_in(bench: &Bench, session: &Value) -> Result<Value, local_user_pool::ApiError> {
    let input = json!({
        "ClientId": bench.client, "AuthFlow": "USER_AUTH", "Session": session,
        "AuthParameters": {"USERNAME": USERNAME},
    });
    bench.call("InitiateAuth", input).await
}

#[tokio::test]
async fn sign_up_leads_to_tokens_by_its_session() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    let signed_up = sign_up(&bench, None).await;
    let early = auto_sign_in(&bench, &signed_up["Session"]).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::NotAuthorized, "not before the confirmation");
    let confirmed = confirm(&bench, &signed_up["Session"]).await;
    let answer = auto_sign_in(&bench, &confirmed["Session"]).await.unwrap();
    let access = claims(tokens(&answer)["AccessToken"].as_str().unwrap());
    assert_eq!(access["sub"], signed_up["UserSub"]);
    let again = auto_sign_in(&bench, &confirmed["Session"]).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::NotAuthorized, "a session signs in once");
}

#[tokio::test]
async fn sign_up_without_codes_as_first_factor_leads_to_the_choice() {
    let bench = choice_bench(&["PASSWORD"], json!({})).await;
    let no_password = json!({"ClientId": bench.client, "Username": "other"});
    assert_eq!(bench.refused("SignUp", no_password).await.0, ErrorCode::InvalidParameter);
    let signed_up = sign_up(&bench, Some(PASSWORD)).await;
    let confirmed = confirm(&bench, &signed_up["Session"]).await;
    let offered = auto_sign_in(&bench, &confirmed["Session"]).await.unwrap();
    assert_eq!(offered["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
}

#[tokio::test]
async fn sign_up_sessions_end() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    let signed_up = sign_up(&bench, Some(PASSWORD)).await;
    let confirmed = confirm(&bench, &json!("x".repeat(40))).await;
    assert!(confirmed.get("Session").is_none(), "a foreign session gives none");
    let confirmed_late = auto_sign_in(&bench, &signed_up["Session"]).await.unwrap_err();
    assert_eq!(confirmed_late.code, ErrorCode::NotAuthorized);

    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    sign_up(&bench, Some(PASSWORD)).await;
    // As Amplify does: without the session of SignUp.
    let confirmed = confirm(&bench, &Value::Null).await;
    bench.advance(181);
    let late = auto_sign_in(&bench, &confirmed["Session"]).await.unwrap_err();
    assert_eq!(late.message, "Invalid session for the user, session is expired.");

    let bench = Bench::new().await;
    let signed_up = sign_up(&bench, Some(PASSWORD)).await;
    assert!(signed_up.get("Session").is_none(), "the client may not use USER_AUTH");
}

#[tokio::test]
async fn a_code_confirms_an_unconfirmed_user() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    sign_up(&bench, Some(PASSWORD)).await;
    let password = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD, "USERNAME": USERNAME});
    let refused = bench.initiate("USER_AUTH", password).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UserNotConfirmed);
    let challenge = begin(&bench, USERNAME, json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
    let code = code_of(&bench, EMAIL);
    tokens(&bench.respond(&challenge, json!({"EMAIL_OTP_CODE": code})).await.unwrap());
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let user = bench.ok("AdminGetUser", user).await;
    assert_eq!(user["UserStatus"], "CONFIRMED");
    assert!(
        user["UserAttributes"]
            .as_array()
            .unwrap()
            .contains(&json!({"Name": "email_verified", "Value": "true"}))
    );
}

#[tokio::test]
async fn an_administrator_makes_a_user_without_a_password() {
    let bench = choice_bench(&["PASSWORD", "EMAIL_OTP"], json!({})).await;
    let user = json!({
        "UserPoolId": bench.pool, "Username": USERNAME, "UserAttributes": [{"Name": "email", "Value": EMAIL}],
    });
    bench.ok("AdminCreateUser", user).await;
    let offered = begin(&bench, USERNAME, json!({})).await;
    assert_eq!(offered["AvailableChallenges"], json!(["EMAIL_OTP"]));
    // By the operations of administrators as well.
    let input = json!({
        "UserPoolId": bench.pool, "ClientId": bench.client, "AuthFlow": "USER_AUTH",
        "AuthParameters": {"USERNAME": USERNAME, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
    });
    let challenge = bench.ok("AdminInitiateAuth", input).await;
    let answers = json!({"USERNAME": USERNAME, "EMAIL_OTP_CODE": code_of(&bench, EMAIL)});
    let input = json!({
        "UserPoolId": bench.pool, "ClientId": bench.client, "ChallengeName": "EMAIL_OTP",
        "Session": challenge["Session"], "ChallengeResponses": answers,
    });
    let answer = bench.ok("AdminRespondToAuthChallenge", input).await;
    let access = tokens(&answer)["AccessToken"].clone();
    let change = json!({"AccessToken": access, "ProposedPassword": PASSWORD});
    bench.ok("ChangePassword", change).await;
    bench.with_password().await.unwrap();
}

#[tokio::test]
async fn auth_factors_are_what_the_user_has() {
    let bench = choice_bench(&ALL, json!({})).await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let factors = bench.ok("GetUserAuthFactors", json!({"AccessToken": token})).await;
    assert_eq!(factors["ConfiguredUserAuthFactors"], json!(["PASSWORD", "EMAIL_OTP", "SMS_OTP"]));
    bench.set_mfa("OPTIONAL").await;
    bench.enrol_totp(&token).await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let factors = bench.ok("AdminGetUserAuthFactors", user).await;
    assert_eq!(
        factors,
        json!({
            "Username": USERNAME,
            "PreferredMfaSetting": "SOFTWARE_TOKEN_MFA",
            "UserMFASettingList": ["SOFTWARE_TOKEN_MFA"],
            "ConfiguredUserAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "SOFTWARE_TOKEN"],
        })
    );
}
