//! The admin API through the local gateway, with real tokens.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use end_to_end::personas::{PASSWORD, access_token};
use end_to_end::{Cloud, workspace};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

const ADMIN: &str = "alex@example.com";
const ADMIN_NUMBER: &str = "+12025550142";
const USER: &str = "sam@example.com";
const NUMBER: &str = "+12025550143";

fn now() -> u64 {
    SystemClock.now().as_second().try_into().unwrap()
}

/// Returns a policy that names the administrators' group, and sends notices to new users at once.
fn policy() -> TempDir {
    let folder = tempfile::tempdir_in(workspace().join("target")).unwrap();
    let text = "[admin]\ngroups = ['helpers']\n[email]\nuser.per_hour = 20\ndestination.per_hour = 20\n";
    fs::write(folder.path().join("policy.toml"), text).unwrap();
    folder
}

async fn cloud(policy: &TempDir) -> Cloud {
    Cloud::start_with(&["--config-dir", policy.path().to_str().unwrap()]).await.unwrap()
}

/// Creates an administrator with a second factor. Returns the access token of a sign-in with it.
async fn administrator(cloud: &Cloud) -> String {
    cloud.add_user(ADMIN).await.unwrap();
    cloud.join_group(ADMIN, "helpers").await.unwrap();
    cloud.prefer_sms(ADMIN, ADMIN_NUMBER).await.unwrap();
    // The factor counts from the sign-in after the one that shows it.
    cloud.sign_in_by_sms(ADMIN, ADMIN_NUMBER).await.unwrap();
    cloud.sign_in_by_sms(ADMIN, ADMIN_NUMBER).await.unwrap()
}

const LOOKS: [&str; 2] = ["find", "audit"];

fn path(operation: &str) -> String {
    format!("/admin/users/{operation}")
}

fn user() -> Value {
    json!({ "user": USER })
}

fn reason() -> Value {
    json!({ "user": USER, "reason": "ticket 17" })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_works_for_an_administrator() {
    let policy = policy();
    let cloud = cloud(&policy).await;
    let admin = administrator(&cloud).await;
    let call = async |method: &str, operation: &str, body: Value| {
        cloud.api(method, &path(operation), Some(&admin), &body).await.unwrap()
    };
    let token = cloud.add_user(USER).await.unwrap();
    cloud.remember_device(USER).await.unwrap();
    let (token, _) = cloud.protect(USER, &token, now()).await.unwrap();
    cloud.recovery_codes(&token).await.unwrap();

    let (status, found) = call("POST", "find", user()).await;
    assert_eq!((status, &found["factors"]), (200, &json!({ "enabled": ["TOTP"], "preferred": "TOTP" })));
    assert_eq!((&found["recoveryCodesLeft"], &found["email"]), (&json!(10), &json!("s***@e***")));

    let number = json!({ "user": USER, "phoneNumber": NUMBER, "reason": "lost her phone" });
    assert_eq!(call("PUT", "phone-number", number).await.0, 204);
    let preference = json!({ "user": USER, "sms": "PREFERRED", "reason": "lost her phone" });
    let (status, after) = call("PUT", "preference", preference).await;
    assert_eq!((status, after), (200, json!({ "enabled": ["SMS", "TOTP"], "preferred": "SMS" })));
    assert_eq!(cloud.sign_in(USER, PASSWORD).await.unwrap()["ChallengeName"], "SMS_MFA");
    assert_eq!(call("POST", "unlock", reason()).await.0, 204);
    assert_eq!(call("POST", "forget-devices", reason()).await.0, 204);
    let (status, left) = call("POST", "mfa-reset", reason()).await;
    assert_eq!((status, left), (200, json!({ "enabled": ["SMS"], "preferred": "SMS" })));
    let pool = cloud.endpoint("userPoolId").unwrap();
    let devices = cloud.cognito("AdminListDevices", json!({ "UserPoolId": pool, "Username": USER })).await;
    assert_eq!(devices.unwrap()["Devices"], json!([]));
    let refused = cloud.cognito("GetUser", json!({ "AccessToken": token })).await;
    assert!(refused.is_err(), "the user is signed out");
    let (_, found) = call("POST", "find", user()).await;
    assert_eq!(found["recoveryCodesLeft"], 0);

    let (status, trail) = call("POST", "audit", user()).await;
    let actions: Vec<_> = trail["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["by"].is_string())
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(status, 200);
    let expected = [
        "support-user-viewed",
        "support-phone-number-set",
        "support-preference-changed",
        "support-unlocked",
        "support-devices-forgotten",
        "support-mfa-reset",
        "support-user-viewed",
        "support-audit-viewed",
    ];
    assert_eq!(actions, expected, "{trail}");

    let (status, erased) = call("POST", "erase", reason()).await;
    assert_eq!(status, 200, "{erased}");
    assert!(erased["erased"].as_u64().unwrap() >= 2, "{erased}");
    let (_, trail) = call("POST", "audit", user()).await;
    assert!(
        trail["lines"].as_array().unwrap().len() >= expected.len(),
        "no function erases the trail: {trail}"
    );
    let told = told(&cloud, 6).await;
    assert_eq!(told, 6, "once for each change");
    cloud.stop().await.unwrap();
}

/// Returns the number of the user's notices about support, and waits for at least `least`.
async fn told(cloud: &Cloud, least: usize) -> usize {
    let url = format!("{}?to={USER}", cloud.endpoint("outbox").unwrap());
    let mut told = 0;
    for _ in 0..200 {
        let messages: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        let is_it = |message: &&Value| message["text"].as_str().unwrap_or_default().contains("Our support");
        told = messages.as_array().unwrap().iter().filter(is_it).count();
        if told >= least {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_gets_nowhere_and_an_administrator_not_at_another() {
    let policy = policy();
    let cloud = cloud(&policy).await;
    let user = cloud.add_user(USER).await.unwrap();
    let admin = administrator(&cloud).await;
    let routes = [
        ("POST", "find", self::user()),
        ("POST", "audit", self::user()),
        ("POST", "mfa-reset", reason()),
        ("PUT", "preference", json!({ "user": USER, "sms": "ENABLED", "reason": "x" })),
        ("PUT", "phone-number", json!({ "user": USER, "phoneNumber": NUMBER, "reason": "x" })),
        ("POST", "unlock", reason()),
        ("POST", "forget-devices", reason()),
        ("POST", "erase", reason()),
    ];
    for (method, operation, body) in &routes {
        let at = path(operation);
        let (status, problem) = cloud.api(method, &at, Some(&user), body).await.unwrap();
        assert_eq!((status, &problem["code"]), (403, &json!("administrator-needed")), "{at}");
        assert_eq!(cloud.api(method, &at, None, body).await.unwrap().0, 401, "{at}");
    }
    cloud.join_group(USER, "helpers").await.unwrap();
    let plain = access_token(&cloud.sign_in(USER, PASSWORD).await.unwrap()).unwrap();
    for (method, operation, body) in &routes {
        let at = path(operation);
        let (status, problem) = cloud.api(method, &at, Some(&plain), body).await.unwrap();
        assert_eq!((status, &problem["code"]), (403, &json!("administrator-second-factor-required")), "{at}");
        if !LOOKS.contains(operation) {
            let (status, problem) = cloud.api(method, &at, Some(&admin), body).await.unwrap();
            assert_eq!((status, &problem["code"]), (403, &json!("user-protected")), "{at}");
        }
    }
    cloud.stop().await.unwrap();
}

/// An attacker with an administrator's password sets up a factor at Cognito itself, and continues with the
/// token that the password gave.
#[tokio::test(flavor = "multi_thread")]
async fn a_factor_set_up_after_the_sign_in_does_not_let_its_token_in() {
    let policy = policy();
    let cloud = cloud(&policy).await;
    cloud.add_user(USER).await.unwrap();
    cloud.add_user(ADMIN).await.unwrap();
    cloud.join_group(ADMIN, "helpers").await.unwrap();
    let token = access_token(&cloud.sign_in(ADMIN, PASSWORD).await.unwrap()).unwrap();
    cloud.enrol_totp(&token, now()).await.unwrap();
    for (operation, body) in [("find", user()), ("unlock", reason())] {
        let (status, problem) = cloud.api("POST", &path(operation), Some(&token), &body).await.unwrap();
        assert_eq!(
            (status, &problem["code"]),
            (403, &json!("administrator-second-factor-required")),
            "{operation}"
        );
    }
    cloud.stop().await.unwrap();
}

/// A user takes a name that reads like a path to another user's operation, and asks support for an unlock.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_a_path_leads_to_no_other_user() {
    let policy = policy();
    let cloud =
        Cloud::start_with(&["--sign-in-with", "username", "--config-dir", policy.path().to_str().unwrap()])
            .await
            .unwrap();
    let admin = administrator(&cloud).await;
    let token = cloud.add_user(USER).await.unwrap();
    cloud.enrol_totp(&token, now()).await.unwrap();
    let call = async |operation: &str, body: Value| {
        cloud.api("POST", &path(operation), Some(&admin), &body).await.unwrap()
    };
    let find = async |name: &str| call("find", json!({ "user": name })).await;
    let sub = find(USER).await.1["sub"].as_str().unwrap().to_owned();

    let mut others = BTreeMap::new();
    for name in
        [format!("{sub}/mfa-reset?x"), r"CORP\alex".to_owned(), "org/alex".to_owned(), "漢".repeat(128)]
    {
        cloud.add_user(&name).await.unwrap();
        let (status, found) = find(&name).await;
        assert_eq!((status, &found["username"]), (200, &json!(name)), "{found}");
        let unlocked = call("unlock", json!({ "user": name, "reason": "ticket 17" })).await;
        assert_eq!(unlocked.0, 204, "{name}: {}", unlocked.1);
        others.insert(found["sub"].as_str().unwrap().to_owned(), name);
    }
    assert_eq!(others.len(), 4, "each is a user of its own");

    // The request that once reset Sam's factors, and others that API Gateway reads as Sam's.
    let attack = format!("{sub}%2Fmfa-reset%3Fx");
    for (method, path) in [
        ("POST", format!("/admin/users/{attack}/unlock")),
        ("POST", format!("/admin/users/{sub}%252Fmfa-reset/unlock")),
        ("POST", format!("/admin/users/{sub}/mfa-reset")),
        ("PUT", format!("/admin/users/{sub}%2Fphone-number%3F/preference")),
        ("POST", format!("/admin/users/x%2F..%2Ferase%3F{sub}/unlock")),
        ("GET", format!("/admin/users/{sub}%3Fx")),
    ] {
        let body = json!({ "reason": "ticket 17", "phoneNumber": NUMBER });
        let (status, answer) = cloud.api(method, &path, Some(&admin), &body).await.unwrap();
        assert!(matches!(status, 404 | 405), "{method} {path}: {status} {answer}");
    }
    let (_, found) = find(USER).await;
    assert_eq!(found["factors"], json!({ "enabled": ["TOTP"], "preferred": "TOTP" }), "nobody reset them");
    let (_, trail) = call("audit", user()).await;
    let changes: Vec<_> = trail["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["by"].is_string() && line["reason"].is_string())
        .collect();
    assert_eq!(changes, Vec::<&Value>::new(), "and nobody tried");
    cloud.stop().await.unwrap();
}
