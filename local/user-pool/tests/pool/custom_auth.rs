//! Custom authentication: Define, Create and Verify.

use local_user_pool::{ErrorCode, Switches};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bench::{access_token, answering, arn};
use crate::support::{Bench, PASSWORD, SrpClient, USERNAME, totp};

/// A pool whose functions ask for the word "open sesame" and give three tries.
async fn bench() -> Bench {
    let lambda = json!({
        "PreAuthentication": arn("pre"),
        "PostAuthentication": arn("post"),
        "PreTokenGeneration": arn("token"),
        "DefineAuthChallenge": arn("define"),
        "CreateAuthChallenge": arn("create"),
        "VerifyAuthChallengeResponse": arn("verify"),
    });
    let bench = Bench::with(json!({"LambdaConfig": lambda}), json!({})).await;
    bench.function("define", |event| {
        let session = event["request"]["session"].as_array().unwrap().clone();
        let last = session.last().map(|item| (item["challengeName"].as_str().unwrap().to_owned(), item["challengeResult"] == true));
        let tries = session.iter().filter(|item| item["challengeName"] == "CUSTOM_CHALLENGE").count();
        Ok(answering(event, match last.as_ref().map(|(name, right)| (name.as_str(), *right)) {
            Some(("SRP_A", true)) => json!({"challengeName": "PASSWORD_VERIFIER", "issueTokens": false, "failAuthentication": false}),
            Some(("CUSTOM_CHALLENGE", true)) => json!({"issueTokens": true, "failAuthentication": false}),
            Some(("CUSTOM_CHALLENGE", false)) if tries >= 3 => json!({"issueTokens": false, "failAuthentication": true}),
            _ => json!({"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false}),
        }))
    });
    bench.function("create", |event| {
        Ok(answering(
            event,
            json!({
                "publicChallengeParameters": {"hint": "cave"},
                "privateChallengeParameters": {"answer": "open sesame"},
                "challengeMetadata": "WORD",
            }),
        ))
    });
    bench.function("verify", |event| {
        let right =
            event["request"]["privateChallengeParameters"]["answer"] == event["request"]["challengeAnswer"];
        let known = event["request"]["userNotFound"] != true;
        Ok(answering(event, json!({"answerCorrect": right && known})))
    });
    bench.add_user().await;
    bench.forget_calls();
    bench
}

const DEFINE: &str = "DefineAuthChallenge_Authentication";
const CREATE: &str = "CreateAuthChallenge_Authentication";
const VERIFY: &str = "VerifyAuthChallengeResponse_Authentication";
const POST: &str = "PostAuthentication_Authentication";
const TOKEN: &str = "TokenGeneration_Authentication";

async fn begin(bench: &Bench, username: &str) -> Value {
    bench
        .initiate("CUSTOM_AUTH", json!({"USERNAME": username}))
        .await
        .unwrap()
}

/// The challenge that follows the password.
async fn begin_with_srp(bench: &Bench) -> Value {
    let client = SrpClient::new();
    let parameters = json!({"USERNAME": USERNAME, "CHALLENGE_NAME": "SRP_A", "SRP_A": client.srp_a()});
    let challenge = bench.initiate("CUSTOM_AUTH", parameters).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "PASSWORD_VERIFIER");
    bench
        .respond(&challenge, client.answer(&bench.pool, &challenge, PASSWORD))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_right_word_gives_tokens() {
    let bench = bench().await;
    let challenge = begin(&bench, USERNAME).await;
    assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(
        challenge["ChallengeParameters"],
        json!({"hint": "cave", "USERNAME": USERNAME})
    );
    access_token(
        &bench
            .respond(&challenge, json!({"ANSWER": "open sesame"}))
            .await
            .unwrap(),
    );
    assert_eq!(
        bench.sources(),
        [DEFINE, CREATE, VERIFY, DEFINE, POST, TOKEN],
        "and no PreAuthentication"
    );
    let event = bench.event(DEFINE);
    assert_eq!(
        event["request"]["session"],
        json!([{"challengeName": "CUSTOM_CHALLENGE", "challengeResult": true, "challengeMetadata": "WORD"}])
    );
    assert_eq!(
        event["response"],
        json!({"challengeName": null, "issueTokens": null, "failAuthentication": null})
    );
    assert_eq!(bench.event(VERIFY)["response"], json!({"answerCorrect": null}));
    let created = bench.event(CREATE);
    assert_eq!(created["request"]["challengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(
        created["response"],
        json!({"publicChallengeParameters": null, "privateChallengeParameters": null, "challengeMetadata": null})
    );
}

#[tokio::test]
async fn a_wrong_word_is_no_error_until_define_says_so() {
    let bench = bench().await;
    let mut challenge = begin(&bench, USERNAME).await;
    for _ in 0..2 {
        let next = bench
            .respond(&challenge, json!({"ANSWER": "wrong"}))
            .await
            .unwrap();
        assert_eq!(next["ChallengeName"], "CUSTOM_CHALLENGE");
        assert_ne!(next["Session"], challenge["Session"]);
        let again = bench
            .respond(&challenge, json!({"ANSWER": "open sesame"}))
            .await
            .unwrap_err();
        assert_eq!(
            again.message,
            "Invalid session for the user, session can only be used once."
        );
        challenge = next;
    }
    let refused = bench
        .respond(&challenge, json!({"ANSWER": "wrong"}))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::NotAuthorized, "Incorrect username or password.")
    );
}

#[tokio::test]
async fn client_metadata_comes_from_the_response_only() {
    let bench = bench().await;
    let challenge = bench
        .ok(
            "InitiateAuth",
            json!({
                "ClientId": bench.client, "AuthFlow": "CUSTOM_AUTH",
                "AuthParameters": {"USERNAME": USERNAME}, "ClientMetadata": {"lost": "1"},
            }),
        )
        .await;
    for source in [DEFINE, CREATE] {
        assert!(
            bench.event(source)["request"].get("clientMetadata").is_none(),
            "{source}"
        );
    }
    bench
        .ok(
            "RespondToAuthChallenge",
            json!({
                "ClientId": bench.client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": challenge["Session"],
                "ChallengeResponses": {"USERNAME": USERNAME, "ANSWER": "open sesame"}, "ClientMetadata": {"kept": "2"},
            }),
        )
        .await;
    for source in [VERIFY, DEFINE, POST, TOKEN] {
        assert_eq!(
            bench.event(source)["request"]["clientMetadata"],
            json!({"kept": "2"}),
            "{source}"
        );
    }
}

#[tokio::test]
async fn a_stranger_is_played_on_and_never_let_in() {
    let bench = bench().await;
    let known = begin(&bench, USERNAME).await;
    let challenge = begin(&bench, "nobody").await;
    assert_eq!(challenge["ChallengeName"], known["ChallengeName"]);
    let event = bench.event(DEFINE);
    assert_eq!(
        event["request"],
        json!({"userAttributes": {}, "session": [], "userNotFound": true})
    );
    bench.function("verify", |event| {
        Ok(answering(event, json!({"answerCorrect": true})))
    });
    let refused = bench
        .respond(&challenge, json!({"USERNAME": "nobody", "ANSWER": "open sesame"}))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::NotAuthorized, "Incorrect username or password.")
    );
}

#[tokio::test]
async fn with_srp_the_password_comes_first() {
    let bench = bench().await;
    let challenge = begin_with_srp(&bench).await;
    assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(
        bench.event(DEFINE)["request"]["session"],
        json!([
            {"challengeName": "SRP_A", "challengeResult": true, "challengeMetadata": null},
            {"challengeName": "PASSWORD_VERIFIER", "challengeResult": true, "challengeMetadata": null},
        ])
    );
    access_token(
        &bench
            .respond(&challenge, json!({"ANSWER": "open sesame"}))
            .await
            .unwrap(),
    );
}

#[rstest]
#[case::guide(true, "CUSTOM_CHALLENGE")]
#[case::seen_in_2019(false, "")]
#[tokio::test]
async fn cognito_asks_its_own_factor_after_the_password(#[case] define_after_mfa: bool, #[case] next: &str) {
    let bench = bench().await;
    bench.pools.set_switches(Switches {
        define_after_mfa,
        ..Switches::default()
    });
    bench.set_mfa("OPTIONAL").await;
    let secret = bench.enrol_totp(&bench.access_token().await).await;
    bench.advance(60);
    let challenge = begin_with_srp(&bench).await;
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = totp(&secret, bench.seconds(), 0);
    let answer = bench
        .respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code}))
        .await
        .unwrap();
    assert_eq!(answer["ChallengeName"].as_str().unwrap_or_default(), next);
    let names = bench.event(DEFINE)["request"]["session"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["challengeName"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    let asked_again = names == ["SRP_A", "PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA"];
    assert_eq!(asked_again, define_after_mfa);
}

#[tokio::test]
async fn without_srp_cognito_adds_no_factor() {
    let bench = bench().await;
    bench.set_mfa("OPTIONAL").await;
    bench.enrol_totp(&bench.access_token().await).await;
    let challenge = begin(&bench, USERNAME).await;
    access_token(
        &bench
            .respond(&challenge, json!({"ANSWER": "open sesame"}))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn pre_authentication_runs_if_the_switch_says_so() {
    let bench = bench().await;
    bench.pools.set_switches(Switches {
        pre_authentication_in_custom_auth: true,
        ..Switches::default()
    });
    begin(&bench, USERNAME).await;
    assert_eq!(
        bench.sources(),
        ["PreAuthentication_Authentication", DEFINE, CREATE]
    );
}

#[rstest]
#[case::mfa_by_name(json!({"challengeName": "SMS_MFA"}))]
#[case::nothing(json!({}))]
#[case::password_without_srp(json!({"challengeName": "PASSWORD_VERIFIER"}))]
#[case::wrong_type(json!({"issueTokens": "true"}))]
#[tokio::test]
async fn what_define_may_not_say(#[case] response: Value) {
    let bench = bench().await;
    bench.function("define", move |event| Ok(answering(event, response.clone())));
    let refused = bench
        .initiate("CUSTOM_AUTH", json!({"USERNAME": USERNAME}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidLambdaResponse);
}

#[tokio::test]
async fn failing_beats_issuing() {
    let bench = bench().await;
    bench.function("define", |event| {
        Ok(answering(
            event,
            json!({"issueTokens": true, "failAuthentication": true}),
        ))
    });
    let refused = bench
        .initiate("CUSTOM_AUTH", json!({"USERNAME": USERNAME}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAuthorized);
}

#[tokio::test]
async fn a_pool_without_define_says_so() {
    let bench = Bench::new().await;
    let refused = bench
        .initiate("CUSTOM_AUTH", json!({"USERNAME": USERNAME}))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            ErrorCode::InvalidParameter,
            "Custom auth lambda trigger is not configured for the user pool."
        )
    );
}

#[rstest]
#[case::duplicate(local_user_pool::TriggerDelivery::Duplicate)]
#[case::overlapping(local_user_pool::TriggerDelivery::Overlapping)]
#[tokio::test]
async fn doubled_delivery_lets_the_second_answer_count(
    #[case] trigger_delivery: local_user_pool::TriggerDelivery,
) {
    let bench = bench().await;
    let created = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    bench.function("create", move |event| {
        let number = created.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(answering(
            event,
            json!({"publicChallengeParameters": {"number": number.to_string()}}),
        ))
    });
    bench.pools.set_switches(Switches {
        trigger_delivery,
        ..Switches::default()
    });
    let challenge = begin(&bench, USERNAME).await;
    let attempts: Vec<_> = bench
        .functions
        .calls
        .lock()
        .unwrap()
        .iter()
        .filter(|call| call.trigger_source == CREATE)
        .map(|call| call.attempt)
        .collect();
    assert_eq!(attempts.len(), 2);
    let number = challenge["ChallengeParameters"]["number"].as_str().unwrap();
    let counted: usize = number.parse().unwrap();
    assert_eq!(attempts[counted], 2);
}

#[tokio::test]
async fn a_new_password_is_asked_when_define_names_it() {
    let bench = bench().await;
    bench
        .ok(
            "AdminCreateUser",
            json!({
                "UserPoolId": bench.pool, "Username": "new", "TemporaryPassword": PASSWORD,
                "MessageAction": "SUPPRESS",
            }),
        )
        .await;
    bench.function("define", |event| {
        let session = event["request"]["session"].as_array().unwrap().clone();
        let name = match session.len() {
            1 => "PASSWORD_VERIFIER",
            2 => "NEW_PASSWORD_REQUIRED",
            _ => "CUSTOM_CHALLENGE",
        };
        Ok(answering(event, json!({"challengeName": name})))
    });
    let client = SrpClient::new();
    let parameters = json!({"USERNAME": "new", "CHALLENGE_NAME": "SRP_A", "SRP_A": client.srp_a()});
    let challenge = bench.initiate("CUSTOM_AUTH", parameters).await.unwrap();
    let challenge = bench
        .respond(&challenge, client.answer(&bench.pool, &challenge, PASSWORD))
        .await
        .unwrap();
    assert_eq!(challenge["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    let answers = json!({"USERNAME": "new", "NEW_PASSWORD": "Another-horse-8"});
    let challenge = bench.respond(&challenge, answers).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
    let session = bench.event(DEFINE)["request"]["session"].clone();
    assert_eq!(session[2]["challengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(session[2]["challengeResult"], true);
}
