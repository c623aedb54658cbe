//! Federated sign-ins linked with accounts: the port over the local cloud's pool, and the whole flow from a
//! provider that has verified an address.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use end_to_end::Cloud;
use end_to_end::personas::PASSWORD;
use mfa_aws::{Aws, AwsSettings, PoolLinks};
use mfa_core::config;
use mfa_testkit::contract;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_their_verified_address_and_linked() {
    let cloud = Cloud::start().await.unwrap();
    let environment = cloud.environment().unwrap();
    let lookup = |name: &str| environment.get(name).cloned();
    let links = PoolLinks::new(&Aws::new(config::load(&lookup, AwsSettings::read).unwrap()).unwrap());
    // This pool has no triggers.
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

/// Signs in through an identity provider. Returns the `sub` of the tokens, or the text of the refusal.
async fn federated(
    cloud: &Cloud,
    provider: &str,
    subject: &str,
    attributes: &[(&str, &str)],
) -> Result<String, String> {
    let attributes: Map<_, _> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let told = json!({
        "clientId": cloud.client("native").unwrap(), "provider": provider, "subject": subject,
        "attributes": attributes,
    });
    let url = format!("{}/api/federated-sign-ins", cloud.endpoint("console").unwrap());
    let response = reqwest::Client::new().post(url).json(&told).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    let Some(token) = answer.pointer("/AuthenticationResult/AccessToken") else {
        return Err(answer["error"].as_str().unwrap().to_owned());
    };
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    Ok(claims["sub"].as_str().unwrap().to_owned())
}

const EMAIL: &str = "alex@example.com";
const VERIFIED: [(&str, &str); 2] = [("email", EMAIL), ("email_verified", "true")];
const UNVERIFIED: [(&str, &str); 2] = [("email", EMAIL), ("email_verified", "false")];

/// Starts a cloud with an account of that address. Returns the account's `sub`.
async fn with_an_account(policy: &str) -> (Cloud, TempDir, String) {
    let overrides = tempfile::tempdir().unwrap();
    std::fs::write(overrides.path().join("policy.toml"), policy).unwrap();
    let cloud = Cloud::start_with(&["--config-dir", overrides.path().to_str().unwrap()]).await.unwrap();
    cloud.add_user(EMAIL).await.unwrap();
    let pool = cloud.endpoint("userPoolId").unwrap();
    let user = cloud.cognito("AdminGetUser", json!({ "UserPoolId": pool, "Username": EMAIL })).await.unwrap();
    let attributes = user["UserAttributes"].as_array().unwrap();
    let sub = attributes.iter().find(|attribute| attribute["Name"] == "sub").unwrap();
    let sub = sub["Value"].as_str().unwrap().to_owned();
    (cloud, overrides, sub)
}

/// The whole flow: identity provider, pool, pre-sign-up, `AdminLinkProviderForUser`, and the sign-in after
/// it.
#[tokio::test(flavor = "multi_thread")]
async fn a_linked_identity_signs_in_to_the_account() {
    let (cloud, _overrides, account) = with_an_account("[sign_up]\nlink_providers = ['Google']\n").await;
    // An address that the provider has not verified never links, and neither does a provider outside the
    // policy.
    let unverified = federated(&cloud, "Google", "999", &UNVERIFIED).await.unwrap();
    assert_ne!(unverified, account);
    let again = federated(&cloud, "Google", "999", &VERIFIED).await.unwrap();
    assert_eq!(again, unverified, "it is a user of its own by then, and stays one");
    assert_ne!(federated(&cloud, "Acme", "1000", &VERIFIED).await.unwrap(), account);
    let google_like = federated(&cloud, "Googlex", "1000", &VERIFIED).await.unwrap();
    assert_ne!(google_like, account);

    let refused = federated(&cloud, "Google", "1000", &VERIFIED).await.unwrap_err();
    assert_eq!(refused, "PreSignUp failed with error Your account is now linked. Sign in again.");
    assert_eq!(federated(&cloud, "Google", "1000", &VERIFIED).await.unwrap(), account);
    // The password still signs in to the account.
    cloud.sign_in(EMAIL, PASSWORD).await.unwrap();
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_no_identity_is_linked() {
    let (cloud, _overrides, account) = with_an_account("").await;
    let own = federated(&cloud, "Google", "1000", &VERIFIED).await.unwrap();
    assert_ne!(own, account);
    assert_eq!(federated(&cloud, "Google", "1000", &VERIFIED).await.unwrap(), own);
    let calls = cloud.request("console", "GET", "/api/calls", String::new()).await.unwrap();
    assert_eq!(calls.get("pre-sign-up"), None, "nobody is looked for");
    cloud.stop().await.unwrap();
}

/// An account whose own address is not verified must not be linked.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_an_unverified_address_is_not_linked() {
    let (cloud, _overrides, account) = with_an_account("[sign_up]\nlink_providers = ['Google']\n").await;
    let pool = cloud.endpoint("userPoolId").unwrap();
    let attributes = json!([{ "Name": "email_verified", "Value": "false" }]);
    let unverified = json!({ "UserPoolId": pool, "Username": EMAIL, "UserAttributes": attributes });
    cloud.cognito("AdminUpdateUserAttributes", unverified).await.unwrap();
    assert_ne!(federated(&cloud, "Google", "1000", &VERIFIED).await.unwrap(), account);
    cloud.stop().await.unwrap();
}
