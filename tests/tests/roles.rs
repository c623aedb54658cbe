//! Each function's role allows what the function does and nothing else: what was called in a run
//! against the local cloud beside the statements of `infra/template.yaml`, both ways.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use end_to_end::people::{PASSWORD, access_token};
use end_to_end::{Cloud, workspace};
use serde_json::{Value as Json, json};
use serde_norway::Value;
use shared::kernel::{Clock as _, SystemClock};
use tokio::time::sleep;

const NUMBER: &str = "+12025550143";
const OTHER_NUMBER: &str = "+12025550187";
const EMAIL: &str = "alex@example.com";

type Actions = BTreeMap<String, BTreeSet<String>>;

/// What the template's policies allow, by function.
fn allowed() -> Actions {
    let text = fs::read_to_string(workspace().join("infra/template.yaml")).unwrap();
    let template: Value = serde_norway::from_str(&text).unwrap();
    let resources = template.get("Resources").and_then(Value::as_mapping).unwrap().values();
    let functions = resources.filter(|one| one.get("Type").unwrap() == "AWS::Serverless::Function");
    functions
        .map(|function| {
            let binary =
                function.get("Metadata").unwrap().get("BuildProperties").unwrap().get("Binary").unwrap();
            let policies = function.get("Properties").and_then(|properties| properties.get("Policies"));
            let statements = policies
                .and_then(Value::as_sequence)
                .into_iter()
                .flatten()
                .flat_map(|policy| policy.get("Statement").and_then(Value::as_sequence).unwrap());
            let actions = statements.flat_map(|statement| match statement.get("Action").unwrap() {
                Value::Sequence(actions) => actions.iter().map(text_of).collect(),
                action => vec![text_of(action)],
            });
            (text_of(binary), actions.collect())
        })
        .filter(|(_, actions): &(_, BTreeSet<_>)| !actions.is_empty())
        .collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn called(cloud: &Cloud) -> Actions {
    let seen = cloud.request("console", "GET", "/api/calls", String::new()).await.unwrap();
    serde_json::from_value(seen).unwrap()
}

/// Everything that makes a function call something.
async fn use_everything(cloud: &Cloud) {
    let client = cloud.client("native").unwrap();
    let sign_up = |number: &str, email: &str| {
        json!({
            "ClientId": client, "Username": number, "Password": PASSWORD,
            "UserAttributes": [
                { "Name": "phone_number", "Value": number }, { "Name": "email", "Value": email },
            ],
        })
    };
    cloud.cognito("SignUp", sign_up(NUMBER, EMAIL)).await.unwrap();
    let code = cloud.first_code(NUMBER).await.unwrap();
    let confirmation = json!({ "ClientId": client, "Username": NUMBER, "ConfirmationCode": code });
    cloud.cognito("ConfirmSignUp", confirmation).await.unwrap();
    let token = sign_in(cloud).await.unwrap();

    // An authenticator through the API: with its line in the audit trail.
    let api = format!("{}/mfa/totp", cloud.endpoint("api").unwrap());
    cloud.post_as(&api, &token, &json!({})).await.unwrap();

    // A verified address, to which a risk is told.
    let asked = json!({ "AccessToken": token, "AttributeName": "email" });
    cloud.cognito("GetUserAttributeVerificationCode", asked).await.unwrap();
    let code = cloud.first_code(EMAIL).await.unwrap();
    let verified = json!({ "AccessToken": token, "AttributeName": "email", "Code": code });
    cloud.cognito("VerifyUserAttribute", verified).await.unwrap();
    set(cloud, "/api/switches", json!({ "signInRisk": "high" })).await;
    assert!(sign_in(cloud).await.is_none(), "too risky");
    set(cloud, "/api/switches", json!({})).await;

    // The second provider, where the first is out of order.
    set(cloud, "/api/faults/sms", json!({ "failure": "fails" })).await;
    cloud.cognito("SignUp", sign_up(OTHER_NUMBER, "sam@example.com")).await.unwrap();
    cloud.first_code(OTHER_NUMBER).await.unwrap();
}

/// Recoveries of users who lost an app and a number, and an administrator's help.
async fn help_users(cloud: &Cloud) {
    const APP: &str = "+12025550101";
    const TEXT: &str = "+12025550102";
    const ADMIN: &str = "+12025550103";
    const NEW: &str = "Better-Horse-10";
    for name in [APP, TEXT] {
        let token = cloud.add_user(name).await.unwrap();
        cloud.remember_device(name).await.unwrap();
        let codes = cloud.recovery_codes(&token).await.unwrap();
        if name == APP {
            cloud.enrol_totp(&token, now()).await.unwrap();
        } else {
            cloud.prefer_sms(name, name).await.unwrap();
        }
        let begin = json!({ "username": name, "password": PASSWORD });
        let (_, opened) = cloud.api("POST", "/recovery", None, &begin).await.unwrap();
        let secret = opened["secret"].as_str();
        let code = json!({ "code": codes[0] });
        cloud.api("POST", "/recovery/code", secret, &code).await.unwrap();
        let password = json!({ "password": NEW });
        let (status, done) = cloud.api("POST", "/recovery/password", secret, &password).await.unwrap();
        assert_eq!(status, 200, "{done}");
    }

    cloud.add_user(ADMIN).await.unwrap();
    cloud.join_group(ADMIN, "helpers").await.unwrap();
    let token = access_token(&cloud.sign_in(ADMIN, PASSWORD).await.unwrap()).unwrap();
    cloud.enrol_totp(&token, now()).await.unwrap();
    let user = "+12025550104";
    let of_user = cloud.add_user(user).await.unwrap();
    cloud.remember_device(user).await.unwrap();
    cloud.enrol_totp(&of_user, now()).await.unwrap();
    let user = "%2B12025550104";
    for (method, path, more) in [
        ("PUT", "preference", json!({ "sms": "ENABLED" })),
        ("PUT", "phone-number", json!({ "phoneNumber": "+12025550105" })),
        ("POST", "unlock", json!({})),
        ("POST", "mfa-reset", json!({})),
        ("POST", "erase", json!({})),
    ] {
        let mut body = json!({ "reason": "ticket 17" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        // The number is the name, and changes with it.
        let user = if matches!(path, "preference" | "phone-number") { user } else { "%2B12025550105" };
        let path = format!("/admin/users/{user}/{path}");
        let (status, answer) = cloud.api(method, &path, Some(&token), &body).await.unwrap();
        assert!(matches!(status, 200 | 204), "{path}: {answer}");
    }
}

fn now() -> u64 {
    SystemClock.now().as_second().try_into().unwrap()
}

async fn set(cloud: &Cloud, path: &str, value: Json) {
    cloud.request("console", "PUT", path, value.to_string()).await.unwrap();
}

async fn sign_in(cloud: &Cloud) -> Option<String> {
    let sign_in = json!({
        "ClientId": cloud.client("native").unwrap(), "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": NUMBER, "PASSWORD": PASSWORD },
    });
    let tokens = cloud.cognito("InitiateAuth", sign_in).await.ok()?;
    Some(tokens.pointer("/AuthenticationResult/AccessToken")?.as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_allows_exactly_what_its_function_calls() {
    let policy = tempfile::tempdir_in(workspace().join("target")).unwrap();
    fs::write(policy.path().join("policy.toml"), "[admin]\ngroups = ['helpers']\n").unwrap();
    let config = policy.path().to_str().unwrap();
    let cloud = Cloud::start_with(&["--sign-in-with", "phone", "--config-dir", config]).await.unwrap();
    help_users(&cloud).await;
    use_everything(&cloud).await;
    let allowed = allowed();
    // Senders go on after the call that made them start.
    let mut called_so_far = called(&cloud).await;
    for _ in 0..200 {
        if called_so_far == allowed {
            break;
        }
        sleep(Duration::from_millis(25)).await;
        called_so_far = called(&cloud).await;
    }
    let without = |some: &Actions, others: &Actions| -> Vec<String> {
        let none = BTreeSet::new();
        some.iter()
            .flat_map(|(function, actions)| {
                let others = others.get(function).unwrap_or(&none);
                actions.difference(others).map(move |action| format!("{function}: {action}"))
            })
            .collect()
    };
    assert_eq!(without(&called_so_far, &allowed), Vec::<String>::new(), "called and not allowed");
    assert_eq!(without(&allowed, &called_so_far), Vec::<String>::new(), "allowed and never called");
    let actions: usize = allowed.values().map(BTreeSet::len).sum();
    println!("roles: {actions} actions of {} functions, each called, no other", allowed.len());
    cloud.stop().await.unwrap();
}
