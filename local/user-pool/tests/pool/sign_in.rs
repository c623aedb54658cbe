//! Password sign-in, its triggers, its tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use local_user_pool::ErrorCode;
use local_user_pool::ports::FunctionFault;
use serde_json::{Value, json};

use crate::support::bench::{EMAIL, access_token, answering, arn, claims, merged};
use crate::support::{Bench, PASSWORD, SrpClient, USERNAME};

#[tokio::test]
async fn srp_gives_tokens_that_the_published_keys_verify() {
    let bench = Bench::new().await;
    let sub = bench.add_user().await;
    let answer = bench.with_srp(USERNAME, PASSWORD).await.unwrap();
    let result = &answer["AuthenticationResult"];
    assert_eq!((&result["TokenType"], &result["ExpiresIn"]), (&json!("Bearer"), &json!(3600)));

    let jwks = bench.pools.jwks(&bench.pool).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let issuer = format!("https://cognito-idp.us-east-1.amazonaws.com/{}", bench.pool);
    let mut kids = Vec::new();
    for (name, token_use, audience) in
        [("AccessToken", "access", None), ("IdToken", "id", Some(&bench.client))]
    {
        let token = result[name].as_str().unwrap();
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let key =
            DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.set_issuer(&[&issuer]);
        match audience {
            Some(audience) => validation.set_audience(&[audience]),
            None => validation.validate_aud = false,
        }
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
        assert_eq!(claims["token_use"], token_use);
        assert_eq!(claims["sub"], sub.as_str());
        kids.push(kid);
    }
    assert_ne!(kids[0], kids[1]);

    let access = claims(result["AccessToken"].as_str().unwrap());
    assert_eq!(access["scope"], "aws.cognito.signin.user.admin");
    assert_eq!((&access["username"], &access["client_id"]), (&json!(USERNAME), &json!(bench.client)));
    assert!(access.get("aud").is_none());
    let id = claims(result["IdToken"].as_str().unwrap());
    assert_eq!((&id["email"], &id["email_verified"]), (&json!(EMAIL), &json!(true)));
    assert_eq!(id["cognito:username"], USERNAME);
    assert_eq!(id["origin_jti"], access["origin_jti"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let expected = (ErrorCode::NotAuthorized, "Incorrect username or password.".to_owned());
    for (username, password) in [(USERNAME, "Wrong-horse-7"), ("nobody", PASSWORD)] {
        let by_srp = bench.with_srp(username, password).await.unwrap_err();
        assert_eq!((by_srp.code, by_srp.message), expected);
        let parameters = json!({"USERNAME": username, "PASSWORD": password});
        let plain = bench.initiate("USER_PASSWORD_AUTH", parameters).await.unwrap_err();
        assert_eq!((plain.code, plain.message), expected);
    }
    let salt = async || {
        let parameters = json!({"USERNAME": "nobody", "SRP_A": SrpClient::new().srp_a()});
        bench.initiate("USER_SRP_AUTH", parameters).await.unwrap()["ChallengeParameters"]["SALT"].clone()
    };
    assert_eq!(salt().await, salt().await, "an invented salt stays the same");
}

#[tokio::test]
async fn a_legacy_client_is_told_who_does_not_exist() {
    let bench = Bench::with(json!({}), json!({"PreventUserExistenceErrors": "LEGACY"})).await;
    let refused = bench.with_srp("nobody", PASSWORD).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::UserNotFound, "User does not exist."));
}

#[tokio::test]
async fn an_srp_session_answers_once() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let client = SrpClient::new();
    let parameters = json!({"USERNAME": USERNAME, "SRP_A": client.srp_a()});
    let challenge = bench.initiate("USER_SRP_AUTH", parameters).await.unwrap();
    let answers = client.answer(&bench.pool, &challenge, PASSWORD);
    bench.respond(&challenge, answers.clone()).await.unwrap();
    let again = bench.respond(&challenge, answers.clone()).await.unwrap_err();
    assert_eq!(again.message, "Invalid session for the user, session can only be used once.");

    let late = bench
        .initiate("USER_SRP_AUTH", json!({"USERNAME": USERNAME, "SRP_A": client.srp_a()}))
        .await
        .unwrap();
    bench.advance(180);
    let refused = bench.respond(&late, answers.clone()).await.unwrap_err();
    assert_eq!(refused.message, "Invalid session for the user, session is expired.");
    let unknown = merged(late, json!({"Session": "x".repeat(40)}));
    assert_eq!(bench.respond(&unknown, answers).await.unwrap_err().message, "Invalid session for the user.");
}

#[tokio::test]
async fn five_failures_lock_for_a_growing_time() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let wrong =
        || bench.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": USERNAME, "PASSWORD": "Wrong-horse-7"}));
    for _ in 0..5 {
        assert_eq!(wrong().await.unwrap_err().message, "Incorrect username or password.");
    }
    assert_eq!(bench.with_password().await.unwrap_err().message, "Password attempts exceeded");
    bench.advance(1);
    assert_eq!(wrong().await.unwrap_err().message, "Incorrect username or password.");
    bench.advance(1);
    assert_eq!(bench.with_password().await.unwrap_err().message, "Password attempts exceeded");
    bench.advance(1);
    bench.with_password().await.unwrap();
}

#[tokio::test]
async fn a_client_with_a_secret_demands_its_hash() {
    let bench =
        Bench::with(json!({}), json!({"GenerateSecret": true, "PreventUserExistenceErrors": "LEGACY"})).await;
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!(
        refused.message,
        format!("Client {} is configured with secret but SECRET_HASH was not received", bench.client)
    );
    let parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD, "SECRET_HASH": "bm8="});
    let refused = bench.initiate("USER_PASSWORD_AUTH", parameters).await.unwrap_err();
    assert_eq!(refused.message, format!("Unable to verify secret hash for client {}", bench.client));

    let described =
        bench.ok("DescribeUserPoolClient", json!({"UserPoolId": bench.pool, "ClientId": bench.client})).await;
    let secret = described["UserPoolClient"]["ClientSecret"].as_str().unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{USERNAME}{}", bench.client).as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag);
    let parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD, "SECRET_HASH": hash});
    let refused = bench.initiate("USER_PASSWORD_AUTH", parameters).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UserNotFound, "the hash was right");
}

#[tokio::test]
async fn a_flow_that_is_off_and_a_missing_parameter_are_refused_before_any_trigger() {
    let bench = Bench::with(
        json!({"LambdaConfig": {"PreAuthentication": arn("pre")}}),
        json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}),
    )
    .await;
    assert_eq!(
        bench.with_password().await.unwrap_err().message,
        "USER_PASSWORD_AUTH flow not enabled for this client"
    );
    let missing = bench.initiate("USER_SRP_AUTH", json!({"SRP_A": "ab"})).await.unwrap_err();
    assert_eq!(
        (missing.code, missing.message.as_str()),
        (ErrorCode::InvalidParameter, "Missing required parameter USERNAME")
    );
    assert!(bench.sources().is_empty());
}

#[tokio::test]
async fn triggers_run_in_order_and_see_their_metadata() {
    let lambda = json!({
        "PreAuthentication": arn("pre"),
        "PostAuthentication": arn("post"),
        "PreTokenGeneration": arn("token"),
    });
    let bench = Bench::with(json!({"LambdaConfig": lambda}), json!({})).await;
    bench.add_user().await;
    let client = SrpClient::new();
    let challenge = bench
        .ok(
            "InitiateAuth",
            json!({
                "ClientId": bench.client,
                "AuthFlow": "USER_SRP_AUTH",
                "AuthParameters": {"USERNAME": USERNAME, "SRP_A": client.srp_a()},
                "ClientMetadata": {"first": "1"},
            }),
        )
        .await;
    bench
        .ok(
            "RespondToAuthChallenge",
            json!({
                "ClientId": bench.client,
                "ChallengeName": "PASSWORD_VERIFIER",
                "Session": challenge["Session"],
                "ChallengeResponses": client.answer(&bench.pool, &challenge, PASSWORD),
                "ClientMetadata": {"second": "2"},
            }),
        )
        .await;
    assert_eq!(
        bench.sources(),
        [
            "PreAuthentication_Authentication",
            "PostAuthentication_Authentication",
            "TokenGeneration_Authentication"
        ]
    );
    let pre = bench.event("PreAuthentication_Authentication");
    assert_eq!(pre["request"]["validationData"], json!({"first": "1"}));
    assert_eq!(pre["request"]["userNotFound"], false);
    assert!(pre["request"].get("clientMetadata").is_none());
    assert_eq!(pre["response"], json!({}));
    let post = bench.event("PostAuthentication_Authentication");
    assert_eq!(post["request"]["clientMetadata"], json!({"second": "2"}));
    assert_eq!(post["request"]["newDeviceUsed"], false);
    let token = bench.event("TokenGeneration_Authentication");
    assert_eq!(
        token["request"]["groupConfiguration"],
        json!({"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": null})
    );
    assert_eq!(token["response"], json!({"claimsOverrideDetails": null}));
}

#[tokio::test]
async fn pre_authentication_runs_before_the_password_and_for_strangers() {
    let bench = Bench::with(json!({"LambdaConfig": {"PreAuthentication": arn("pre")}}), json!({})).await;
    bench.add_user().await;
    bench.function("pre", |_| Err(FunctionFault::Function { message: "closed".into() }));
    for (username, password) in [(USERNAME, "Wrong-horse-7"), ("nobody", PASSWORD)] {
        let parameters = json!({"USERNAME": username, "PASSWORD": password});
        let refused = bench.initiate("USER_PASSWORD_AUTH", parameters).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::UserLambdaValidation);
        assert_eq!(refused.message, "PreAuthentication failed with error closed.");
    }
    let event = bench.event("PreAuthentication_Authentication");
    assert_eq!(event["userName"], "nobody");
    assert_eq!(event["request"], json!({"userAttributes": {}, "validationData": null, "userNotFound": true}));
}

#[tokio::test]
async fn a_failing_post_authentication_fails_the_sign_in() {
    let bench = Bench::with(json!({"LambdaConfig": {"PostAuthentication": arn("post")}}), json!({})).await;
    bench.add_user().await;
    bench.function("post", |_| Err(FunctionFault::Function { message: "audit down".into() }));
    let refused = bench.with_password().await.unwrap_err();
    assert_eq!(refused.message, "PostAuthentication failed with error audit down.");
}

#[tokio::test]
async fn version_1_overrides_change_the_id_token_only() {
    let bench = Bench::with(json!({"LambdaConfig": {"PreTokenGeneration": arn("token")}}), json!({})).await;
    bench.add_user().await;
    bench.function("token", |event| {
        Ok(answering(
            event,
            json!({"claimsOverrideDetails": {
                "claimsToAddOrOverride": {"tenant": "acme", "sub": "x", "both": "y", "cognito:username": "z"},
                "claimsToSuppress": ["email", "both", "exp"],
            }}),
        ))
    });
    let answer = bench.with_password().await.unwrap();
    let id = claims(answer["AuthenticationResult"]["IdToken"].as_str().unwrap());
    assert_eq!(id["tenant"], "acme");
    assert_eq!(id["cognito:username"], USERNAME);
    assert_ne!(id["sub"], "x");
    assert!(id.get("email").is_none() && id.get("both").is_none() && id.get("exp").is_some());
    assert!(claims(&access_token(&answer)).get("tenant").is_none());
}

#[tokio::test]
async fn version_2_overrides_change_the_access_token_and_its_scopes() {
    let config = json!({"PreTokenGenerationConfig": {"LambdaArn": arn("token"), "LambdaVersion": "V2_0"}});
    let bench = Bench::with(json!({"LambdaConfig": config}), json!({})).await;
    bench.add_user().await;
    bench.function("token", |event| {
        assert_eq!(event["version"], "2");
        assert_eq!(event["request"]["scopes"], json!(["aws.cognito.signin.user.admin"]));
        Ok(answering(
            event,
            json!({"claimsAndScopeOverrideDetails": {
                "accessTokenGeneration": {
                    "claimsToAddOrOverride": {"level": 3, "client_id": "x"},
                    "scopesToAdd": ["api/read"],
                    "scopesToSuppress": ["aws.cognito.signin.user.admin"],
                },
            }}),
        ))
    });
    let token = access_token(&bench.with_password().await.unwrap());
    let access = claims(&token);
    assert_eq!((&access["level"], &access["scope"]), (&json!(3), &json!("api/read")));
    assert_eq!(access["client_id"], bench.client.as_str());
    assert_eq!(
        bench.refused("GetUser", json!({"AccessToken": token})).await,
        (ErrorCode::NotAuthorized, "Access Token does not have required scopes".into())
    );
}

#[tokio::test]
async fn refresh_keeps_the_sign_in_and_ends_with_it() {
    let bench = Bench::with(
        json!({"LambdaConfig": {"PreTokenGeneration": arn("token"), "PreAuthentication": arn("pre")}}),
        json!({}),
    )
    .await;
    bench.add_user().await;
    let first = bench.with_password().await.unwrap();
    let refresh_token = first["AuthenticationResult"]["RefreshToken"].clone();
    bench.advance(600);
    bench.forget_calls();
    let refresh = || bench.initiate("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": refresh_token}));
    let second = refresh().await.unwrap();
    assert_eq!(bench.sources(), ["TokenGeneration_RefreshTokens"]);
    assert!(second["AuthenticationResult"].get("RefreshToken").is_none());
    let (old, new) = (claims(&access_token(&first)), claims(&access_token(&second)));
    assert_eq!((&old["auth_time"], &old["origin_jti"]), (&new["auth_time"], &new["origin_jti"]));
    assert_eq!(new["iat"].as_i64().unwrap() - old["iat"].as_i64().unwrap(), 600);
    assert_ne!(old["jti"], new["jti"]);

    bench.ok("RevokeToken", json!({"ClientId": bench.client, "Token": refresh_token})).await;
    assert_eq!(refresh().await.unwrap_err().message, "Refresh Token has been revoked");
    let token = access_token(&second);
    assert_eq!(
        bench.refused("GetUser", json!({"AccessToken": token})).await,
        (ErrorCode::NotAuthorized, "Access Token has been revoked".into())
    );
}

#[tokio::test]
async fn global_sign_out_ends_every_sign_in_of_the_user() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let (one, other) = (bench.access_token().await, bench.access_token().await);
    bench.ok("GlobalSignOut", json!({"AccessToken": one})).await;
    for token in [one, other] {
        let refused = bench.refused("GetUser", json!({"AccessToken": token})).await;
        assert_eq!(refused.1, "Access Token has been revoked");
    }
    bench.ok("GetUser", json!({"AccessToken": bench.access_token().await})).await;
}

#[tokio::test]
async fn tokens_end_and_foreign_or_changed_ones_are_refused() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let answer = bench.with_password().await.unwrap();
    let token = access_token(&answer);
    let id_token = answer["AuthenticationResult"]["IdToken"].as_str().unwrap();
    let other = Bench::new().await;
    other.add_user().await;
    let mut changed = token.clone().into_bytes();
    let last = changed.len() - 20;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    for bad in [id_token, &other.access_token().await, &String::from_utf8(changed).unwrap(), "a.b.c"] {
        assert_eq!(
            bench.refused("GetUser", json!({"AccessToken": bad})).await,
            (ErrorCode::NotAuthorized, "Invalid Access Token".into())
        );
    }
    bench.advance(3600);
    assert_eq!(
        bench.refused("GetUser", json!({"AccessToken": token})).await,
        (ErrorCode::NotAuthorized, "Access Token has expired".into())
    );
}

#[tokio::test]
async fn exchanges_begun_before_a_lock_do_not_get_around_it() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let client = SrpClient::new();
    let parameters = json!({"USERNAME": USERNAME, "SRP_A": client.srp_a()});
    let challenge = bench.initiate("USER_SRP_AUTH", parameters).await.unwrap();
    for _ in 0..5 {
        bench.with_srp(USERNAME, "Wrong-horse-7").await.unwrap_err();
    }
    let answers = client.answer(&bench.pool, &challenge, PASSWORD);
    let refused = bench.respond(&challenge, answers).await.unwrap_err();
    assert_eq!(refused.message, "Password attempts exceeded");
}
