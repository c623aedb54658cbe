//! `unlock`, `audit` and `forget-user` on a user of the local cloud.

use crate::support::Operator;
use end_to_end::Cloud;
use serde_json::{Value, json};

const NAME: &str = "alex@example.com";

/// Returns the items of the user's partitions.
async fn items(cloud: &Cloud, table: &str, sub: &str) -> Vec<Value> {
    let mut items = Vec::new();
    for partition in ["USER", "AUDIT"] {
        let query = json!({
            "TableName": table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": format!("{partition}#{sub}") } },
        });
        let found = cloud.call("dynamodb", "DynamoDB_20120810.Query", query).await.unwrap();
        items.extend(found["Items"].as_array().unwrap().iter().cloned());
    }
    items
}

#[tokio::test]
async fn an_operator_unlocks_audits_and_erases_a_user() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud);
    let pool = cloud.endpoint("userPoolId").unwrap();
    let table = cloud.environment().unwrap()["MFA_TABLE"].clone();
    // Signs up, confirms and signs in, then starts an authenticator and fails two sign-ins.
    let token = cloud.access_token().await.unwrap();
    let api = format!("{}/mfa/totp", cloud.endpoint("api").unwrap());
    let started = cloud.post_as(&api, &token, &json!({})).await.unwrap();
    assert!(started["secret"].is_string());
    for _ in 0..2 {
        let sign_in = json!({
            "ClientId": cloud.client("native").unwrap(), "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": NAME, "PASSWORD": "wrong" },
        });
        cloud.cognito("InitiateAuth", sign_in).await.unwrap_err();
    }
    let user = cloud.cognito("AdminGetUser", json!({ "UserPoolId": pool, "Username": NAME })).await.unwrap();
    let attributes = user["UserAttributes"].as_array().unwrap();
    let sub = attributes.iter().find(|one| one["Name"] == "sub").unwrap()["Value"].as_str().unwrap();

    let attempts = async || {
        let found = items(&cloud, &table, sub).await;
        found.iter().find(|item| item["sk"]["S"] == "SIGN_IN").unwrap()["attempts"]["N"].clone()
    };
    assert_eq!(attempts().await, "2");
    let by_name = ["--username", NAME, "--user-pool-id", pool, "--stack-outputs", operator.outputs()];
    let (code, _, said) = operator.run(&[&["unlock"][..], &by_name].concat());
    assert_eq!(code, 0, "{said}");
    assert_eq!(attempts().await, "0");

    let by_sub = ["--sub", sub, "--table", &table];
    let (code, lines, said) = operator.run(&[&["audit"][..], &by_sub].concat());
    assert_eq!(code, 0, "{said}");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["new-device-used", "totp-started"]);
    assert_eq!(lines[1]["replace"], json!(false));
    let (_, none, _) = operator.run(&[&["audit", "--until", "2020-01-01T00:00:00Z"][..], &by_sub].concat());
    assert_eq!(none, "");
    let (_, list, _) = operator.run(&[&["audit", "--json"][..], &by_sub].concat());
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), json!(lines));

    let before = items(&cloud, &table, sub).await.len();
    assert!(before >= 3);
    let (code, ..) = operator.run(&[&["forget-user"][..], &by_sub].concat());
    assert_eq!((code, items(&cloud, &table, sub).await.len()), (3, before), "not without --yes");
    let (code, _, said) = operator.run(&[&["forget-user", "--yes"][..], &by_sub].concat());
    assert_eq!(code, 0, "{said}");
    assert_eq!(items(&cloud, &table, sub).await, Vec::<Value>::new());
    cloud.stop().await.unwrap();
}
