//! Tracked sessions: list, revocation, the limit and its evictions.

use local_user_pool::ErrorCode;
use serde_json::{Value, json};

use crate::support::bench::{access_token, merged};
use crate::support::{Bench, USERNAME};

async fn track(bench: &Bench, most: u32) {
    let input = json!({
        "UserPoolId": bench.pool, "UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": most},
    });
    let answer = bench.ok("SetUserPoolSessionConfiguration", input.clone()).await;
    assert_eq!(answer, input);
}

async fn tracked_bench(most: u32) -> Bench {
    let bench = Bench::new().await;
    bench.add_user().await;
    track(&bench, most).await;
    bench
}

/// Signs in a second after the last sign-in.
async fn sign_in(bench: &Bench) -> Value {
    bench.advance(1);
    bench.with_password().await.unwrap()
}

async fn sessions(bench: &Bench, token: &str) -> Vec<Value> {
    let answer = bench.ok("ListUserSessions", json!({"AccessToken": token})).await;
    answer["Sessions"].as_array().unwrap().clone()
}

async fn refresh(bench: &Bench, signed_in: &Value) -> Result<Value, local_user_pool::ApiError> {
    bench.advance(1);
    let token = &signed_in["AuthenticationResult"]["RefreshToken"];
    bench.initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": token})).await
}

#[tokio::test]
async fn each_sign_in_is_a_session_until_it_is_revoked() {
    let bench = tracked_bench(20).await;
    let (first, second) = (sign_in(&bench).await, sign_in(&bench).await);
    let token = access_token(&second);
    let listed = sessions(&bench, &token).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["IsCurrentSession"], &listed[1]["IsCurrentSession"]),
        (&json!(true), &json!(false))
    );
    let id = listed[1]["SessionId"].as_str().unwrap();
    assert!(id.starts_with("tkn") && id.len() == 28, "{id}");
    assert_eq!(listed[1]["SessionType"], "TOKEN");
    assert_eq!(
        (&listed[1]["ClientId"], &listed[1]["LastIPAddress"]),
        (&json!(bench.client), &json!("127.0.0.1"))
    );

    let own = json!({"AccessToken": token, "SessionId": listed[0]["SessionId"]});
    assert_eq!(bench.refused("RevokeUserSession", own).await.0, ErrorCode::InvalidParameter);
    let other = json!({"AccessToken": token, "SessionId": id});
    bench.ok("RevokeUserSession", other.clone()).await;
    assert_eq!(bench.refused("RevokeUserSession", other).await.0, ErrorCode::ResourceNotFound);
    let dead = json!({"AccessToken": access_token(&first)});
    assert_eq!(bench.refused("GetUser", dead).await.0, ErrorCode::NotAuthorized);
    assert_eq!(refresh(&bench, &first).await.unwrap_err().message, "Refresh Token has been revoked");
    refresh(&bench, &second).await.unwrap();
}

#[tokio::test]
async fn an_administrator_lists_and_revokes_any_session() {
    let bench = tracked_bench(20).await;
    let signed_in = sign_in(&bench).await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let listed = bench.ok("AdminListUserSessions", user.clone()).await;
    assert_eq!(listed["Sessions"][0]["IsCurrentSession"], false);
    let revocation = merged(user.clone(), json!({"SessionId": listed["Sessions"][0]["SessionId"]}));
    bench.ok("AdminRevokeUserSession", revocation).await;
    assert_eq!(bench.ok("AdminListUserSessions", user).await["Sessions"], json!([]));
    assert!(refresh(&bench, &signed_in).await.is_err());
}

#[tokio::test]
async fn the_session_that_was_used_least_recently_makes_room() {
    let bench = tracked_bench(2).await;
    let (first, second) = (sign_in(&bench).await, sign_in(&bench).await);
    // The older one is in use.
    refresh(&bench, &first).await.unwrap();
    let third = sign_in(&bench).await;
    assert_eq!(refresh(&bench, &second).await.unwrap_err().message, "Refresh Token has been revoked");
    for alive in [&first, &third] {
        refresh(&bench, alive).await.unwrap();
    }
    // A lower limit evicts at the next sign-in only.
    track(&bench, 1).await;
    assert_eq!(sessions(&bench, &access_token(&third)).await.len(), 2);
    let last = sign_in(&bench).await;
    assert_eq!(sessions(&bench, &access_token(&last)).await.len(), 1);
}

#[tokio::test]
async fn tracking_is_off_by_default_and_not_for_lite() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let pool = json!({"UserPoolId": bench.pool});
    let default = bench.ok("GetUserPoolSessionConfiguration", pool.clone()).await;
    assert_eq!(default["UserSessionTracking"], "DISABLED");
    assert_eq!(default["TokenSession"]["MaxPerUser"], 20);
    let token = bench.access_token().await;
    let refused = bench.refused("ListUserSessions", json!({"AccessToken": token})).await;
    assert_eq!(refused.0, ErrorCode::OperationNotEnabled);

    let client = merged(pool.clone(), json!({"ClientId": bench.client}));
    let default = bench.ok("GetUserPoolClientSessionConfiguration", client.clone()).await;
    assert_eq!(default["SSOSession"]["MaxValidityMinutes"], 60);
    let longer = merged(client.clone(), json!({"SSOSession": {"MaxValidityMinutes": 90}}));
    let early = bench.refused("SetUserPoolClientSessionConfiguration", longer.clone()).await;
    assert_eq!(early.0, ErrorCode::OperationNotEnabled);
    track(&bench, 5).await;
    bench.ok("SetUserPoolClientSessionConfiguration", longer).await;
    let set = bench.ok("GetUserPoolClientSessionConfiguration", client).await;
    assert_eq!(set["SSOSession"]["MaxValidityMinutes"], 90);
    assert!(sessions(&bench, &token).await.is_empty(), "a sign-in from before is no session");

    bench.ok("UpdateUserPool", merged(pool.clone(), json!({"UserPoolTier": "LITE"}))).await;
    let input = json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}});
    let refused = bench.refused("SetUserPoolSessionConfiguration", merged(pool, input)).await;
    assert_eq!(refused.0, ErrorCode::FeatureUnavailableInTier);
}
