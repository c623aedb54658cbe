//! Sign-ins through an identity provider.

use std::collections::BTreeMap;

use local_user_pool::FederatedSignIn;
use local_user_pool::ports::FunctionFault;
use serde_json::{Value, json};

use crate::support::Bench;
use crate::support::bench::{EMAIL, USERNAME, access_token, claims};

fn told(bench: &Bench, subject: &str, attributes: &[(&str, &str)]) -> FederatedSignIn {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    FederatedSignIn {
        client_id: bench.client.clone(),
        provider: "Google".to_owned(),
        subject: subject.to_owned(),
        attributes: attributes.collect::<BTreeMap<_, _>>(),
    }
}

async fn bench() -> Bench {
    let mut bench = Bench::new().await;
    let lambda = [
        ("PreSignUp", "pre-sign-up"),
        ("PostConfirmation", "post-confirmation"),
        ("PreAuthentication", "pre-authentication"),
        ("PostAuthentication", "post-authentication"),
        ("PreTokenGeneration", "pre-token"),
    ];
    let lambda: serde_json::Map<_, _> = lambda
        .into_iter()
        .map(|(trigger, name)| (trigger.to_owned(), bench.function(name, Ok).into()))
        .collect();
    bench.pool = bench.make_pool(json!({ "LambdaConfig": lambda })).await;
    bench.client = bench.make_client(json!({})).await;
    bench
}

fn sub(tokens: &Value) -> String {
    claims(&access_token(tokens))["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_one_makes_a_user_of_the_providers_and_later_ones_are_that_users() {
    let bench = bench().await;
    let first = bench.pools.federated_sign_in(told(&bench, "1000", &[("email", EMAIL)])).await.unwrap();
    let expected =
        ["PreSignUp_ExternalProvider", "PostConfirmation_ConfirmSignUp", "TokenGeneration_HostedAuth"];
    assert_eq!(bench.sources(), expected);
    let event = bench.event("PreSignUp_ExternalProvider");
    assert_eq!(event["userName"], "Google_1000");
    assert_eq!(event["request"]["userAttributes"]["email_verified"], "false", "no mapping made it verified");
    let user = bench.ok("AdminGetUser", json!({"UserPoolId": bench.pool, "Username": "Google_1000"})).await;
    assert_eq!(user["UserStatus"], "EXTERNAL_PROVIDER");

    bench.forget_calls();
    let later = told(&bench, "1000", &[("email", EMAIL), ("email_verified", "true")]);
    let later = bench.pools.federated_sign_in(later).await.unwrap();
    assert_eq!(sub(&later), sub(&first));
    let expected = [
        "PreAuthentication_Authentication",
        "PostAuthentication_Authentication",
        "TokenGeneration_HostedAuth",
    ];
    assert_eq!(bench.sources(), expected);
    let event = bench.event("PostAuthentication_Authentication");
    assert_eq!(event["request"]["userAttributes"]["email_verified"], "true", "as the provider has it now");
    assert_eq!(event["request"].get("newDeviceUsed"), None);
    let got = bench.ok("GetUser", json!({"AccessToken": access_token(&later)})).await;
    assert_eq!(got["Username"], "Google_1000");
}

#[tokio::test]
async fn what_pre_sign_up_refuses_makes_no_user() {
    let bench = bench().await;
    bench.function("pre-sign-up", |_| Err(FunctionFault::Function { message: "not here".to_owned() }));
    let fault = bench.pools.federated_sign_in(told(&bench, "1000", &[("email", EMAIL)])).await.unwrap_err();
    assert_eq!(fault.message, "PreSignUp failed with error not here.");
    let users = bench.ok("ListUsers", json!({"UserPoolId": bench.pool})).await;
    assert_eq!(users["Users"], json!([]));
}

#[tokio::test]
async fn a_linked_identity_signs_in_as_the_account_and_changes_nothing_of_it() {
    let bench = bench().await;
    let account = bench.add_user().await;
    let link = json!({
        "UserPoolId": bench.pool,
        "DestinationUser": {"ProviderName": "Cognito", "ProviderAttributeValue": USERNAME},
        "SourceUser": {
            "ProviderName": "Google", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "1000",
        },
    });
    bench.ok("AdminLinkProviderForUser", link).await;
    let other = told(&bench, "1000", &[("email", "other@example.com")]);
    let tokens = bench.pools.federated_sign_in(other).await.unwrap();
    assert_eq!(sub(&tokens), account);
    let got = bench.ok("GetUser", json!({"AccessToken": access_token(&tokens)})).await;
    assert!(got["UserAttributes"].as_array().unwrap().contains(&json!({"Name": "email", "Value": EMAIL})));
    let another = bench.pools.federated_sign_in(told(&bench, "1001", &[])).await.unwrap();
    assert_ne!(sub(&another), account);
    bench.ok("AdminDisableUser", json!({"UserPoolId": bench.pool, "Username": USERNAME})).await;
    let fault = bench.pools.federated_sign_in(told(&bench, "1000", &[])).await.unwrap_err();
    assert_eq!(fault.message, "User is disabled.");
}
