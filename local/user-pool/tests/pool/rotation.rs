//! Refresh token rotation: the grace period, reuse, and two clients at once.

use local_user_pool::ErrorCode;
use serde_json::{Value, json};

use crate::support::Bench;
use crate::support::bench::claims;

async fn rotating(grace: u8) -> Bench {
    let client = json!({
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
    });
    let bench = Bench::with(json!({}), client).await;
    bench.add_user().await;
    bench
}

async fn first(bench: &Bench) -> String {
    refresh_token(&bench.with_password().await.unwrap())
}

fn refresh_token(answer: &Value) -> String {
    answer["AuthenticationResult"]["RefreshToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn refresh(bench: &Bench, token: &str) -> Result<Value, local_user_pool::ApiError> {
    let input = json!({"ClientId": bench.client, "RefreshToken": token});
    bench.call("GetTokensFromRefreshToken", input).await
}

#[tokio::test]
async fn each_refresh_gives_a_new_token_of_the_same_sign_in() {
    let bench = rotating(0).await;
    let signed_in = bench.with_password().await.unwrap();
    let old = refresh_token(&signed_in);
    let answer = refresh(&bench, &old).await.unwrap();
    let new = refresh_token(&answer);
    assert_ne!(old, new);
    let origin = |answer: &Value| {
        claims(answer["AuthenticationResult"]["AccessToken"].as_str().unwrap())["origin_jti"].clone()
    };
    assert_eq!(origin(&signed_in), origin(&answer));
    let reused = refresh(&bench, &old).await.unwrap_err();
    assert_eq!(reused.code, ErrorCode::RefreshTokenReuse);
    refresh(&bench, &new).await.unwrap();
    let flow = bench.initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": new})).await.unwrap_err();
    assert_eq!(flow.code, ErrorCode::InvalidParameter);
}

#[tokio::test]
async fn a_token_can_be_retried_in_the_grace_period_only() {
    let bench = rotating(10).await;
    let old = first(&bench).await;
    let one = refresh_token(&refresh(&bench, &old).await.unwrap());
    bench.advance(9);
    let two = refresh_token(&refresh(&bench, &old).await.unwrap());
    bench.advance(1);
    // A retry does not lengthen the time.
    assert_eq!(refresh(&bench, &old).await.unwrap_err().code, ErrorCode::RefreshTokenReuse);
    for token in [one, two] {
        refresh(&bench, &token).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_clients_race_with_one_token() {
    for (grace, winners) in [(0, 1), (10, 8)] {
        let bench = rotating(grace).await;
        let token = first(&bench).await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            let (pools, client, token) = (bench.pools.clone(), bench.client.clone(), token.clone());
            answers.push(tokio::spawn(async move {
                let input = json!({"ClientId": client, "RefreshToken": token});
                pools.call("GetTokensFromRefreshToken", input).await
            }));
        }
        let mut won = 0;
        for answer in answers {
            match answer.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::RefreshTokenReuse),
            }
        }
        assert_eq!(won, winners, "grace of {grace} s");
    }
}

#[tokio::test]
async fn the_end_of_a_sign_in_stays_that_of_its_first_token() {
    let bench = rotating(0).await;
    let mut token = first(&bench).await;
    for _ in 0..3 {
        bench.advance(10 * 86_400 - 1);
        token = refresh_token(&refresh(&bench, &token).await.unwrap());
    }
    bench.advance(3);
    let late = refresh(&bench, &token).await.unwrap_err();
    assert_eq!(late.message, "Refresh Token has expired");
}

#[tokio::test]
async fn a_token_that_was_rotated_out_still_revokes_the_sign_in() {
    let bench = rotating(0).await;
    let old = first(&bench).await;
    let new = refresh_token(&refresh(&bench, &old).await.unwrap());
    bench.ok("RevokeToken", json!({"ClientId": bench.client, "Token": old})).await;
    let revoked = refresh(&bench, &new).await.unwrap_err();
    assert_eq!(revoked.message, "Refresh Token has been revoked");
}
