//! Sign-up, confirmation, and their triggers.

use local_user_pool::ErrorCode;
use local_user_pool::ports::FunctionFault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, answering, arn};
use crate::support::{Bench, PASSWORD, USERNAME, code_of};

fn sign_up(bench: &Bench, username: &str, password: &str) -> Value {
    json!({
        "ClientId": bench.client,
        "Username": username,
        "Password": password,
        "UserAttributes": [{"Name": "email", "Value": EMAIL}],
    })
}

#[tokio::test]
async fn a_code_confirms_and_verifies_the_address() {
    let bench = Bench::new().await;
    let answer = bench.ok("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await;
    assert_eq!(answer["UserConfirmed"], false);
    assert_eq!(
        answer["CodeDeliveryDetails"],
        json!({"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"})
    );
    let confirm =
        |code: &str| json!({"ClientId": bench.client, "Username": USERNAME, "ConfirmationCode": code});
    let code = code_of(&bench, EMAIL);
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(
        bench.refused("ConfirmSignUp", confirm(wrong)).await,
        (ErrorCode::CodeMismatch, "Invalid verification code provided, please try again.".into())
    );
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::UserNotConfirmed, "User is not confirmed.")
    );
    bench.ok("ConfirmSignUp", confirm(&code)).await;
    assert_eq!(
        bench.refused("ConfirmSignUp", confirm(&code)).await,
        (ErrorCode::NotAuthorized, "User cannot be confirmed. Current status is CONFIRMED".into())
    );
    let user = bench.ok("GetUser", json!({"AccessToken": bench.access_token().await})).await;
    assert!(
        user["UserAttributes"]
            .as_array()
            .unwrap()
            .contains(&json!({"Name": "email_verified", "Value": "true"}))
    );
}

#[tokio::test]
async fn a_code_ends_after_a_day_and_a_new_one_can_be_had() {
    let bench = Bench::new().await;
    bench.ok("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await;
    let old = code_of(&bench, EMAIL);
    bench.advance(24 * 3600);
    let confirm =
        |code: &str| json!({"ClientId": bench.client, "Username": USERNAME, "ConfirmationCode": code});
    assert_eq!(
        bench.refused("ConfirmSignUp", confirm(&old)).await,
        (ErrorCode::ExpiredCode, "Invalid code provided, please request a code again.".into())
    );
    bench.ok("ResendConfirmationCode", json!({"ClientId": bench.client, "Username": USERNAME})).await;
    bench.ok("ConfirmSignUp", confirm(&code_of(&bench, EMAIL))).await;
}

#[tokio::test]
async fn of_two_sign_ups_with_one_name_one_wins() {
    let bench = Bench::new().await;
    let (one, other) = tokio::join!(
        bench.call("SignUp", sign_up(&bench, USERNAME, PASSWORD)),
        bench.call("SignUp", sign_up(&bench, USERNAME, PASSWORD)),
    );
    let loser = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!(loser.len(), 1);
    assert_eq!(
        (loser[0].code, loser[0].message.as_str()),
        (ErrorCode::UsernameExists, "User already exists")
    );
}

#[rstest]
#[case("Short-1", "Password not long enough")]
#[case("correct-horse-7", "Password must have uppercase characters")]
#[case("CORRECT-HORSE-7", "Password must have lowercase characters")]
#[case("Correct-horse", "Password must have numeric characters")]
#[case("Correcthorse7", "Password must have symbol characters")]
#[tokio::test]
async fn the_policy_says_what_is_missing(#[case] password: &str, #[case] fault: &str) {
    let bench = Bench::new().await;
    let refused = bench.refused("SignUp", sign_up(&bench, USERNAME, password)).await;
    assert_eq!(
        refused,
        (ErrorCode::InvalidPassword, format!("Password did not conform with policy: {fault}"))
    );
}

#[tokio::test]
async fn an_address_in_place_of_a_username_makes_the_sub_the_username() {
    let bench = Bench::with(json!({"UsernameAttributes": ["email"]}), json!({})).await;
    let answer = bench.ok("SignUp", sign_up(&bench, EMAIL, PASSWORD)).await;
    bench
        .ok(
            "ConfirmSignUp",
            json!({"ClientId": bench.client, "Username": EMAIL, "ConfirmationCode": code_of(&bench, EMAIL)}),
        )
        .await;
    let tokens = bench.with_srp(EMAIL, PASSWORD).await.unwrap();
    let token = crate::support::bench::access_token(&tokens);
    let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
    assert_eq!(user["Username"], answer["UserSub"]);
    assert_eq!(
        bench.refused("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await,
        (ErrorCode::InvalidParameter, "Username should be an email.".into())
    );
    assert_eq!(bench.refused("SignUp", sign_up(&bench, EMAIL, PASSWORD)).await.0, ErrorCode::UsernameExists);
}

#[tokio::test]
async fn pre_sign_up_sees_the_user_and_may_confirm_them() {
    let bench = Bench::with(
        json!({"LambdaConfig": {"PreSignUp": arn("pre"), "PostConfirmation": arn("post")}}),
        json!({}),
    )
    .await;
    bench.function("pre", |event| {
        Ok(answering(event, json!({"autoConfirmUser": true, "autoVerifyEmail": true})))
    });
    let mut input = sign_up(&bench, USERNAME, PASSWORD);
    input["ValidationData"] = json!([{"Name": "captcha", "Value": "tok"}]);
    input["ClientMetadata"] = json!({"tenant": "acme"});
    let answer = bench.ok("SignUp", input).await;
    assert_eq!(answer["UserConfirmed"], true);
    assert!(answer.get("CodeDeliveryDetails").is_none());
    assert_eq!(bench.sources(), ["PreSignUp_SignUp", "PostConfirmation_ConfirmSignUp"]);
    let event = bench.event("PreSignUp_SignUp");
    assert_eq!(
        event,
        json!({
            "version": "1",
            "region": "us-east-1",
            "userPoolId": bench.pool,
            "userName": USERNAME,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": bench.client},
            "triggerSource": "PreSignUp_SignUp",
            "request": {
                "userAttributes": {"email": EMAIL},
                "validationData": {"captcha": "tok"},
                "clientMetadata": {"tenant": "acme"},
            },
            "response": {"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false},
        })
    );
    let event = bench.event("PostConfirmation_ConfirmSignUp");
    assert_eq!(event["request"]["userAttributes"]["cognito:user_status"], "CONFIRMED");
    assert_eq!(event["request"]["userAttributes"]["email_verified"], "true");
    bench.with_password().await.unwrap();
}

#[tokio::test]
async fn what_a_function_refuses_is_not_made() {
    let bench = Bench::with(json!({"LambdaConfig": {"PreSignUp": arn("pre")}}), json!({})).await;
    bench.function("pre", |_| Err(FunctionFault::Function { message: "not from here".into() }));
    assert_eq!(
        bench.refused("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await,
        (ErrorCode::UserLambdaValidation, "PreSignUp failed with error not from here.".into())
    );
    bench.function("pre", Ok);
    bench.ok("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await;
}

#[rstest]
#[case(FunctionFault::Invoke { code: "AccessDeniedException".into() }, ErrorCode::UnexpectedLambda, "PreSignUp invocation failed due to error AccessDeniedException.", 1)]
#[case(FunctionFault::Invoke { code: "TooManyRequestsException".into() }, ErrorCode::UnexpectedLambda, "PreSignUp invocation failed due to error TooManyRequestsException.", 3)]
#[case(
    FunctionFault::NotJson,
    ErrorCode::InvalidLambdaResponse,
    "Invalid lambda function output : Invalid JSON",
    1
)]
#[tokio::test]
async fn faults_have_their_own_words(
    #[case] fault: FunctionFault,
    #[case] code: ErrorCode,
    #[case] text: &str,
    #[case] tries: usize,
) {
    let bench = Bench::with(json!({"LambdaConfig": {"PreSignUp": arn("pre")}}), json!({})).await;
    bench.function("pre", move |_| Err(fault.clone()));
    assert_eq!(bench.refused("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await, (code, text.to_owned()));
    assert_eq!(bench.sources().len(), tries);
}

#[tokio::test]
async fn an_answer_that_is_no_event_is_unrecognizable() {
    let bench = Bench::with(json!({"LambdaConfig": {"PreSignUp": arn("pre")}}), json!({})).await;
    for answer in [json!(null), json!({}), json!({"response": {}}), json!("done")] {
        bench.function("pre", move |_| Ok(answer.clone()));
        assert_eq!(
            bench.refused("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await,
            (ErrorCode::InvalidLambdaResponse, "Unrecognizable lambda output".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_hangs_gets_five_seconds_three_times() {
    let bench = Bench::with(json!({"LambdaConfig": {"PreSignUp": arn("pre")}}), json!({})).await;
    bench.functions.hanging.lock().unwrap().push(arn("pre"));
    let begun = tokio::time::Instant::now();
    assert_eq!(
        bench.refused("SignUp", sign_up(&bench, USERNAME, PASSWORD)).await,
        (
            ErrorCode::UnexpectedLambda,
            "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function.".into()
        )
    );
    assert_eq!(begun.elapsed().as_secs(), 15);
    let attempts: Vec<_> = bench.functions.calls.lock().unwrap().iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}
