//! The port that links identities of providers, over the local cloud's pool. Federated sign-in itself does
//! not exist there.

use end_to_end::Cloud;
use serde_json::{Value, json};
use shared::config;
use shared_aws::{Aws, AwsSettings, PoolLinks};
use shared_testkit::contract;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_their_verified_address_and_linked() {
    let cloud = Cloud::start().await.unwrap();
    let environment = cloud.environment().unwrap();
    let lookup = |name: &str| environment.get(name).cloned();
    let links = PoolLinks::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap());
    // Without triggers.
    let created = cloud.cognito("CreateUserPool", json!({ "PoolName": "links" })).await.unwrap();
    let pool = created["UserPool"]["Id"].as_str().unwrap();
    let user = async |name: &str, email: &str, verified: bool, confirmed: bool| {
        let verified = verified.to_string();
        let attributes =
            json!([{ "Name": "email", "Value": email }, { "Name": "email_verified", "Value": verified }]);
        let user = json!({
            "UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS", "UserAttributes": attributes,
        });
        cloud.cognito("AdminCreateUser", user).await.unwrap();
        if confirmed {
            let password = json!({ "UserPoolId": pool, "Username": name, "Password": "Correct-Horse-9", "Permanent": true });
            cloud.cognito("AdminSetUserPassword", password).await.unwrap();
        }
    };
    let of = |name: &str| json!({ "UserPoolId": pool, "Username": name });
    user("alex", "alex@example.com", true, true).await;
    user("unverified", "alex@example.com", false, true).await;
    user("unconfirmed", "alex@example.com", true, false).await;
    user("disabled", "alex@example.com", true, true).await;
    cloud.cognito("AdminDisableUser", of("disabled")).await.unwrap();
    user("longer", "alex@example.com.example", true, true).await;
    for name in ["one", "two", "three"] {
        user(name, "many@example.com", true, true).await;
    }
    contract::federated_links(&links, pool).await;
    let linked = cloud.cognito("AdminGetUser", of("alex")).await.unwrap();
    let attributes = linked["UserAttributes"].as_array().unwrap();
    let identities = attributes.iter().find(|one| one["Name"] == "identities").unwrap();
    let identities: Value = serde_json::from_str(identities["Value"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&identities[0]["providerName"], &identities[0]["userId"]),
        (&json!("Google"), &json!("1000"))
    );
    cloud.stop().await.unwrap();
}
