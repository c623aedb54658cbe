//! The scheduled reconciliation of claims, invoked by name as the schedule invokes it.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::fs;
use std::time::Duration;

use end_to_end::Cloud;
use end_to_end::personas::PASSWORD;
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};

async fn sign_up(cloud: &Cloud, name: &str, email: &str) -> anyhow::Result<()> {
    // The name is not the address, so the pool itself does not keep addresses unique.
    let client = cloud.client("native")?;
    let user = json!({
        "ClientId": client, "Username": name, "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": email }],
    });
    cloud.cognito("SignUp", user).await.map(drop)
}

async fn run(cloud: &Cloud) -> Value {
    let event = fs::read_to_string(end_to_end::workspace().join("events/Reconcile_Schedule.json")).unwrap();
    let path = "/2015-03-31/functions/reconcile-claims/invocations";
    cloud.request("lambda", "POST", path, event).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_deleted_and_changed_users_become_free() {
    let overrides = tempfile::tempdir().unwrap();
    fs::write(overrides.path().join("policy.toml"), "[sign_up.unique]\nemail = true\n").unwrap();
    let folder = overrides.path().to_str().unwrap();
    let cloud = Cloud::start_with(&["--sign-in-with", "username", "--config-dir", folder]).await.unwrap();
    let pool = cloud.endpoint("userPoolId").unwrap();
    for name in ["deleted", "changed", "stays"] {
        let email = format!("{name}@example.com");
        sign_up(&cloud, name, &email).await.unwrap();
        let code = cloud.first_code(&email).await.unwrap();
        let confirmed = json!({
            "ClientId": cloud.client("native").unwrap(), "Username": name,
            "ConfirmationCode": code,
        });
        cloud.cognito("ConfirmSignUp", confirmed).await.unwrap();
    }
    let of = |name: &str| json!({ "UserPoolId": pool, "Username": name });
    cloud.cognito("AdminDeleteUser", of("deleted")).await.unwrap();
    let mut change = of("changed");
    change["UserAttributes"] = json!([
        { "Name": "email", "Value": "new@example.com" }, { "Name": "email_verified", "Value": "true" },
    ]);
    cloud.cognito("AdminUpdateUserAttributes", change).await.unwrap();
    for email in ["deleted@example.com", "changed@example.com"] {
        let refused = sign_up(&cloud, "early", email).await.unwrap_err().to_string();
        assert!(refused.contains("PreSignUp failed"), "no trigger says that it is free: {refused}");
    }

    // Claims have whole seconds, and the pass leaves claims of its own second alone.
    let made_in = SystemClock.now().as_second();
    while SystemClock.now().as_second() == made_in {
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let done = run(&cloud).await;
    println!("reconciled: {done}");
    assert_eq!(done, json!({ "status": "finished", "users": 2, "made": 1, "freed": 2, "conflicts": 0 }));
    let again = run(&cloud).await;
    assert_eq!(again["status"], "idle", "until tomorrow");
    for email in ["New@Example.com", "stays@example.com"] {
        let refused = sign_up(&cloud, "late", email).await.unwrap_err().to_string();
        assert!(refused.contains("PreSignUp failed"), "{email} is its owner's: {refused}");
    }
    sign_up(&cloud, "one", "deleted@example.com").await.unwrap();
    sign_up(&cloud, "two", "changed@example.com").await.unwrap();
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_it_does_nothing() {
    let cloud = Cloud::start().await.unwrap();
    assert_eq!(run(&cloud).await, json!({ "status": "off" }));
    let calls = cloud.request("console", "GET", "/api/calls", String::new()).await.unwrap();
    assert_eq!(calls.get("reconcile-claims"), None);
    cloud.stop().await.unwrap();
}
