//! Each function's role allows exactly what the function does. The test compares the calls of a run against
//! the local cloud with the statements of the templates in `infra/`, in both directions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use end_to_end::personas::PASSWORD;
use end_to_end::{Cloud, stacks};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::{Value as Json, json};
use serde_norway::Value;
use tokio::time::{sleep, timeout};

const NUMBER: &str = "+12025550143";
const OTHER_NUMBER: &str = "+12025550187";
const UNKNOWN_NUMBER: &str = "+12025550190";
const EMAIL: &str = "alex@example.com";
const SENDERS: [&str; 2] = ["custom-sms-sender", "custom-email-sender"];

/// The policy under which each function makes all its calls. Codes follow each other at once, which is a
/// flood.
const POLICY: &str = r#"
[sign_up]
welcome = true
[sign_up.unique]
email = true
[sign_in]
enforce = true
new_device_notice = true
[governor]
dry_run = true
[custom_auth.clients.custom]
first_step = "passwordless"
[admin]
groups = ["helpers"]
"#;

type Actions = BTreeMap<String, BTreeSet<String>>;

/// Returns the statements of every function's role, by function.
fn statements() -> Vec<(String, Vec<Value>)> {
    let stacks = stacks().unwrap();
    let functions = stacks.iter().flat_map(|stack| stack.resources("AWS::Serverless::Function"));
    functions
        .map(|(_, function)| {
            let binary =
                function.get("Metadata").unwrap().get("BuildProperties").unwrap().get("Binary").unwrap();
            let policies = function.get("Properties").and_then(|properties| properties.get("Policies"));
            let statements = policies
                .and_then(Value::as_sequence)
                .into_iter()
                .flatten()
                .flat_map(|policy| policy.get("Statement").and_then(Value::as_sequence).unwrap());
            (text_of(binary), statements.cloned().collect())
        })
        .collect()
}

fn actions_of(statement: &Value) -> Vec<String> {
    match statement.get("Action").unwrap() {
        Value::Sequence(actions) => actions.iter().map(text_of).collect(),
        action => vec![text_of(action)],
    }
}

fn allows(statement: &Value) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
}

/// Returns what the template's policies allow, by function.
fn allowed() -> Actions {
    statements()
        .into_iter()
        .map(|(function, mut statements)| {
            statements.retain(allows);
            (function, statements.iter().flat_map(actions_of).collect())
        })
        .filter(|(_, actions): &(_, BTreeSet<_>)| !actions.is_empty())
        .collect()
}

/// The calls for a first authenticator that is set up in a sign-in. The client of this run is passwordless.
/// `tests/clients/custom-auth-factors.test.js` makes these calls, under the same roles.
const SHOWN_ELSEWHERE: [&str; 2] = [
    "verify-auth-challenge-response: dynamodb:PutItem",
    "verify-auth-challenge-response: lambda:InvokeFunction",
];

const PARTITIONS: [(&str, &str, &[&str]); 45] = [
    ("admin-api", "BatchWriteItem", &["SENT#*#user#*", "USER#*"]),
    ("admin-api", "GetItem", &["USER#*"]),
    ("admin-api", "PutItem", &["AUDIT#*"]),
    ("admin-api", "Query", &["AUDIT#*", "SENT#*#user#*", "USER#*"]),
    ("admin-api", "UpdateItem", &["USER#*"]),
    ("create-auth-challenge", "GetItem", &["CHALLENGE#*", "UNKNOWN#*", "USER#*"]),
    ("custom-email-sender", "PartiQLInsert", &["SENT#*", "USER#*"]),
    ("custom-email-sender", "PartiQLSelect", &["SENT#*", "USER#*"]),
    ("custom-email-sender", "PartiQLUpdate", &["SENT#*", "USER#*"]),
    ("custom-email-sender", "PutItem", &["AUDIT#*", "USER#*"]),
    ("custom-email-sender", "UpdateItem", &["DELIVERY#*", "SENT#*"]),
    ("custom-sms-sender", "PartiQLInsert", &["SENT#*", "USER#*"]),
    ("custom-sms-sender", "PartiQLSelect", &["SENT#*", "USER#*"]),
    ("custom-sms-sender", "PartiQLUpdate", &["SENT#*", "USER#*"]),
    ("custom-sms-sender", "PutItem", &["AUDIT#*", "USER#*"]),
    ("custom-sms-sender", "UpdateItem", &["DELIVERY#*", "SENT#*"]),
    ("define-auth-challenge", "GetItem", &["CHALLENGE#*", "UNKNOWN#*", "USER#*"]),
    ("deliver", "GetItem", &["USER#*"]),
    ("deliver", "PartiQLInsert", &["SENT#*", "USER#*"]),
    ("deliver", "PartiQLSelect", &["SENT#*", "USER#*"]),
    ("deliver", "PartiQLUpdate", &["SENT#*", "USER#*"]),
    ("deliver", "PutItem", &["AUDIT#*", "USER#*"]),
    ("deliver", "UpdateItem", &["DELIVERY#*", "SENT#*", "USER#*"]),
    ("mfa-api", "GetItem", &["USER#*"]),
    ("mfa-api", "PutItem", &["AUDIT#*"]),
    ("mfa-api", "Query", &["AUDIT#*", "USER#*"]),
    ("mfa-api", "UpdateItem", &["CALLS#*", "USER#*"]),
    ("post-authentication", "PutItem", &["AUDIT#*"]),
    ("post-authentication", "UpdateItem", &["SENT#*", "USER#*"]),
    ("post-confirmation", "PutItem", &["USER#*"]),
    ("post-confirmation", "UpdateItem", &["ADDRESS#*", "SENT#*", "USER#*"]),
    ("pre-authentication", "UpdateItem", &["UNKNOWN#*", "USER#*"]),
    ("pre-sign-up", "UpdateItem", &["ADDRESS#*"]),
    ("pre-token-generation", "GetItem", &["USER#*"]),
    ("pre-token-generation", "UpdateItem", &["USER#*"]),
    ("reconcile-claims", "DeleteItem", &["ADDRESS#*"]),
    ("reconcile-claims", "GetItem", &["RECONCILE"]),
    ("reconcile-claims", "PutItem", &["RECONCILE"]),
    ("reconcile-claims", "UpdateItem", &["ADDRESS#*"]),
    ("recovery-api", "UpdateItem", &["RECOVERY#ADDRESS#*"]),
    ("recovery-worker", "GetItem", &["RECOVERY#*", "USER#*"]),
    ("recovery-worker", "PutItem", &["AUDIT#*", "RECOVERY#*"]),
    ("recovery-worker", "UpdateItem", &["RECOVERY#*", "USER#*"]),
    ("verify-auth-challenge-response", "PutItem", &["AUDIT#*"]),
    ("verify-auth-challenge-response", "UpdateItem", &["CHALLENGE#*", "USER#*"]),
];

/// Partitions that a run reaches by chance only, or never, as function, action and pattern. They are for
/// failures and second messages.
const SELDOM_REACHED: [(&str, &str, &str); 13] = [
    // Tokens without claims: those of version `V1_0`, and refreshed ones.
    ("mfa-api", "Query", "USER#*"),
    // The user's second message.
    ("custom-email-sender", "PartiQLUpdate", "USER#*"),
    ("deliver", "PartiQLUpdate", "USER#*"),
    // Takes back a message that was booked and that no provider accepted.
    ("custom-email-sender", "PutItem", "USER#*"),
    ("custom-email-sender", "UpdateItem", "SENT#*"),
    // A first authenticator that is set up in a sign-in: see `SHOWN_ELSEWHERE`.
    ("verify-auth-challenge-response", "PutItem", "AUDIT#*"),
    // Counters of a user whose messages went out before the erasure.
    ("admin-api", "BatchWriteItem", "SENT#*#user#*"),
    // The user's second message.
    ("custom-sms-sender", "PartiQLUpdate", "USER#*"),
    // The user's first message.
    ("deliver", "PartiQLInsert", "USER#*"),
    // Takes back a message that was booked and that no provider accepted.
    ("custom-sms-sender", "PutItem", "USER#*"),
    ("custom-sms-sender", "UpdateItem", "SENT#*"),
    ("deliver", "PutItem", "USER#*"),
    ("deliver", "UpdateItem", "SENT#*"),
];

type Partitions = BTreeMap<(String, String), BTreeSet<String>>;

fn partitions() -> Partitions {
    let all = PARTITIONS.iter();
    all.map(|(function, action, patterns)| {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        (((*function).to_owned(), format!("dynamodb:{action}")), patterns)
    })
    .collect()
}

/// Checks which partitions a role names. `ForAllValues` alone is true for a call without a key, so the
/// condition also needs `Null`.
#[test]
fn a_role_names_the_partitions_that_its_function_touches() {
    let mut named = Partitions::new();
    for (function, statements) in statements() {
        for statement in statements.iter().filter(|statement| allows(statement)) {
            let actions = actions_of(statement).into_iter().filter(|action| action.starts_with("dynamodb:"));
            // A scan has no key. Only one function reads every claim.
            for action in actions.filter(|action| *action != "dynamodb:Scan") {
                let condition = serde_json::to_value(statement.get("Condition")).unwrap();
                let patterns = condition.pointer("/ForAllValues:StringLike/dynamodb:LeadingKeys").cloned();
                let patterns: BTreeSet<String> = serde_json::from_value(patterns.unwrap_or_default())
                    .unwrap_or_else(|_| panic!("{function} may {action} anywhere: {condition}"));
                let guarded = json!({
                    "ForAllValues:StringLike": { "dynamodb:LeadingKeys": patterns },
                    "Null": { "dynamodb:LeadingKeys": "false" },
                });
                let mut told = condition.clone();
                if let Some(listed) = told.pointer_mut("/ForAllValues:StringLike/dynamodb:LeadingKeys") {
                    *listed = json!(patterns);
                }
                assert_eq!(told, guarded, "{function}: {action}");
                named.entry((function.clone(), action)).or_default().extend(patterns);
            }
        }
    }
    assert_eq!(named, partitions());
    let scans = allowed().into_iter().filter(|(_, actions)| actions.contains("dynamodb:Scan"));
    assert_eq!(scans.map(|(function, _)| function).collect::<Vec<_>>(), ["reconcile-claims"]);
}

/// The roles make the audit trail append-only, independent of our code. An action that can change or delete
/// an item may not touch the trail's partitions. A put is conditional in our code, because IAM can't
/// distinguish a new item from an old one.
#[test]
fn no_role_changes_or_deletes_a_line_of_the_audit_trail() {
    let mut kept_off = 0;
    for ((function, action), patterns) in partitions() {
        if ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"].contains(&action.as_str()) {
            continue;
        }
        let reaches = |pattern: &String| {
            let (begins, _) = pattern.split_once('*').unwrap_or((pattern, ""));
            "AUDIT#".starts_with(begins) || begins.starts_with("AUDIT#")
        };
        assert!(!patterns.iter().any(reaches), "{function} may {action} in the audit trail");
        kept_off += 1;
    }
    println!("audit: {kept_off} rights to change or delete items, none a line of the trail");
    assert!(kept_off > 20);
}

/// A statement that names no partition is a scan, whatever its condition on keys says.
#[test]
fn a_role_that_reads_by_statement_cannot_scan() {
    let mut readers = 0;
    for (function, statements) in statements() {
        let reads = |statement: &&Value| actions_of(statement).contains(&"dynamodb:PartiQLSelect".to_owned());
        let reading: Vec<_> = statements.iter().filter(reads).collect();
        if reading.is_empty() {
            continue;
        }
        let denies = reading.iter().any(|statement| {
            !allows(statement)
                && serde_json::to_value(statement.get("Condition")).unwrap()
                    == json!({ "Bool": { "dynamodb:FullTableScan": "true" } })
        });
        assert!(denies, "{function} may read the whole table");
        readers += 1;
    }
    assert_eq!(readers, 3, "the senders and deliver");
}

/// A key opens only what is bound to this pool, so that a function cannot open what another pool sealed.
#[test]
fn no_role_uses_a_key_but_for_its_own_pool() {
    let mut bound = 0;
    for (function, statements) in statements() {
        let of_keys =
            statements.iter().filter(|one| actions_of(one).iter().any(|action| action.starts_with("kms:")));
        for statement in of_keys {
            let equal = statement.get("Condition").and_then(|condition| condition.get("StringEquals"));
            let pool = equal.and_then(|equal| equal.get("kms:EncryptionContext:userpool-id"));
            let Some(Value::Tagged(pool)) = pool else { panic!("{function}: {statement:?}") };
            assert_eq!((pool.tag == "!Ref", pool.value.as_str()), (true, Some("UserPoolId")), "{function}");
            bound += 1;
        }
    }
    assert_eq!(bound, 4, "two senders; who sets authenticators up and who checks their codes");
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn called(cloud: &Cloud) -> Actions {
    let called = cloud.called().await.unwrap().into_iter();
    called.map(|(function, actions)| (function, actions.into_keys().collect())).collect()
}

/// Returns the partitions of all calls so far, by the patterns of the roles.
async fn reached(cloud: &Cloud) -> Partitions {
    let called = cloud.called().await.unwrap().into_iter();
    called
        .flat_map(|(function, actions)| {
            actions.into_iter().map(move |(action, called)| ((function.clone(), action), called.partitions))
        })
        .collect()
}

/// Makes each function call all its services.
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

    // A named authenticator through the API, with its line in the audit trail.
    let api = cloud.endpoint("api").unwrap();
    let (token, _) = cloud.protect(NUMBER, &token, now()).await.unwrap();
    cloud.recovery_codes(&token).await.unwrap();
    cloud.get_as(&format!("{api}/mfa/activity"), &token).await.unwrap();

    // A named authenticator: a seed is sealed and opened, and a notice enqueued for delivery. First the
    // second provider sends it, then none, which the audit trail records.
    set(cloud, "/api/faults/sms", json!({ "failure": "fails" })).await;
    let authenticators = format!("{api}/mfa/authenticators");
    let started = cloud.post_as(&authenticators, &token, &json!({ "name": "Phone" })).await.unwrap();
    let part = |name: &str| started.get(name).and_then(Json::as_str).unwrap();
    let verify = format!("{authenticators}/{}/verify", part("id"));
    cloud.post_as(&verify, &token, &json!({ "code": code_of(part("secret")) })).await.unwrap();
    until(async || has_called(cloud, "deliver", "sns:Publish").await).await;
    set(cloud, "/api/faults/sns", json!({ "failure": "fails" })).await;
    let prefer = async |setting: &str| {
        let body = json!({ "totp": setting });
        let (status, answer) = cloud.api("PUT", "/mfa/preference", Some(&token), &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    };
    prefer("NOT_PREFERRED").await;
    until(async || has_called(cloud, "deliver", "dynamodb:PutItem").await).await;
    set(cloud, "/api/faults/sms", json!({})).await;
    set(cloud, "/api/faults/sns", json!({})).await;

    // A verified address, to which a risk notification goes.
    let asked = json!({ "AccessToken": token, "AttributeName": "email" });
    cloud.cognito("GetUserAttributeVerificationCode", asked).await.unwrap();
    let code = cloud.first_code(EMAIL).await.unwrap();
    let verified = json!({ "AccessToken": token, "AttributeName": "email", "Code": code });
    cloud.cognito("VerifyUserAttribute", verified).await.unwrap();
    assert!(sign_in(cloud).await.is_none(), "the authenticator app comes next");
    set(cloud, "/api/switches", json!({ "signInRisk": "high" })).await;
    assert!(sign_in(cloud).await.is_none(), "too risky");
    set(cloud, "/api/switches", json!({})).await;

    // The second provider sends while the first one is faulty.
    set(cloud, "/api/faults/sms", json!({ "failure": "fails" })).await;
    cloud.cognito("SignUp", sign_up(OTHER_NUMBER, "sam@example.com")).await.unwrap();
    cloud.first_code(OTHER_NUMBER).await.unwrap();
    prefer("PREFERRED").await;
    set(cloud, "/api/faults/sms", json!({})).await;

    // No provider works, which each sender records in the audit trail.
    for provider in ["sms", "sns", "ses"] {
        set(cloud, &format!("/api/faults/{provider}"), json!({ "failure": "fails" })).await;
    }
    let puts = [put(cloud, SENDERS[0]).await, put(cloud, SENDERS[1]).await];
    let again = json!({ "ClientId": client, "Username": OTHER_NUMBER });
    cloud.cognito("ResendConfirmationCode", again).await.unwrap();
    let asked = json!({ "AccessToken": token, "AttributeName": "email" });
    cloud.cognito("GetUserAttributeVerificationCode", asked).await.unwrap();
    for (sender, before) in SENDERS.into_iter().zip(puts) {
        until(async || put(cloud, sender).await > before).await;
    }
    for provider in ["sms", "sns", "ses"] {
        set(cloud, &format!("/api/faults/{provider}"), json!({})).await;
    }

    // Custom challenges: a code by e-mail, which signs in, and one of the authenticator, whose seed is opened
    // even if the code was used before.
    let before = codes_sent(cloud, EMAIL).await.len();
    let step = custom_sign_in(cloud, NUMBER, &["email"]).await;
    let code = until_code(cloud, EMAIL, before).await.unwrap();
    let signed_in = answer(cloud, &step, &code).await.unwrap();
    assert!(signed_in.pointer("/AuthenticationResult/AccessToken").is_some(), "{signed_in}");
    let step = custom_sign_in(cloud, NUMBER, &["totp"]).await;
    answer(cloud, &step, &code_of(part("secret"))).await.unwrap();
    // Unknown names have their own partitions.
    let step = custom_sign_in(cloud, UNKNOWN_NUMBER, &["email"]).await;
    answer(cloud, &step, "000000").await.unwrap();
    let unknown = json!({
        "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": UNKNOWN_NUMBER, "PASSWORD": PASSWORD },
    });
    cloud.cognito("InitiateAuth", unknown).await.unwrap_err();
    // A native client asks the pool about a user with custom factors. The pool does not know the device, so
    // the user gets a notice.
    sign_in(cloud).await;
}

/// Runs a sign-in by custom challenges up to the step whose answer is a code.
async fn custom_sign_in(cloud: &Cloud, user_name: &str, answers: &[&str]) -> Json {
    let begin = json!({
        "ClientId": cloud.client("custom").unwrap(), "AuthFlow": "CUSTOM_AUTH",
        "AuthParameters": { "USERNAME": user_name },
    });
    let mut step = cloud.cognito("InitiateAuth", begin).await.unwrap();
    for next in answers {
        step = answer(cloud, &step, next).await.unwrap();
    }
    step
}

async fn answer(cloud: &Cloud, step: &Json, answer: &str) -> anyhow::Result<Json> {
    let [session, parameters] = ["Session", "ChallengeParameters"].map(|name| step.get(name).unwrap());
    let [user_name, nonce] = ["USERNAME", "nonce"].map(|name| parameters.get(name).unwrap());
    let respond = json!({
        "ClientId": cloud.client("custom").unwrap(), "ChallengeName": "CUSTOM_CHALLENGE",
        "Session": session, "ChallengeResponses": { "USERNAME": user_name, "ANSWER": answer },
        "ClientMetadata": { "nonce": nonce },
    });
    cloud.cognito("RespondToAuthChallenge", respond).await
}

/// Returns the codes sent to an address. Notices have none.
async fn codes_sent(cloud: &Cloud, address: &str) -> Vec<String> {
    let mut codes = cloud.codes(address).await.unwrap();
    codes.retain(|code| !code.is_empty());
    codes
}

/// Waits for a code beyond the first `before`.
async fn until_code(cloud: &Cloud, address: &str, before: usize) -> Option<String> {
    for _ in 0..200 {
        let mut codes = codes_sent(cloud, address).await;
        if codes.len() > before {
            return codes.pop();
        }
        sleep(Duration::from_millis(25)).await;
    }
    None
}

/// Returns how many items a function has put so far.
async fn put(cloud: &Cloud, function: &str) -> u64 {
    let called = cloud.called().await.unwrap();
    called.get(function).and_then(|actions| actions.get("dynamodb:PutItem")).map_or(0, |put| put.calls)
}

async fn has_called(cloud: &Cloud, function: &str, action: &str) -> bool {
    called(cloud).await.get(function).is_some_and(|actions| actions.contains(action))
}

/// Waits for a result of asynchronous work.
async fn until(is_done: impl AsyncFn() -> bool) {
    let waited = async {
        while !is_done().await {
            sleep(Duration::from_millis(25)).await;
        }
    };
    timeout(Duration::from_secs(10), waited).await.unwrap();
}

/// Returns the current code of an authenticator app.
fn code_of(secret: &str) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(seed).build().unwrap();
    totp.generate(now()).to_string()
}

/// Runs recoveries of users who lost an app and a number, and an administrator's help.
async fn help_users(cloud: &Cloud) {
    const APP: &str = "+12025550101";
    const TEXT: &str = "+12025550102";
    const ADMIN: &str = "+12025550103";
    const NEW: &str = "Better-Horse-10";
    for name in [APP, TEXT] {
        let token = cloud.add_user(name).await.unwrap();
        let token = if name == APP {
            cloud.protect(name, &token, now()).await.unwrap().0
        } else {
            cloud.remember_device(name).await.unwrap();
            cloud.prefer_sms(name, name).await.unwrap();
            cloud.sign_in_by_sms(name, name).await.unwrap();
            cloud.sign_in_by_sms(name, name).await.unwrap()
        };
        let codes = cloud.recovery_codes(&token).await.unwrap();
        let begin = json!({ "username": name, "password": PASSWORD });
        let (_, opened) = cloud.api("POST", "/recovery", None, &begin).await.unwrap();
        let secret = opened["secret"].as_str();
        let code = json!({ "code": codes[0] });
        cloud.api("POST", "/recovery/code", secret, &code).await.unwrap();
        let password = json!({ "oldPassword": PASSWORD, "password": NEW });
        let (status, done) = cloud.api("POST", "/recovery/password", secret, &password).await.unwrap();
        assert_eq!(status, 200, "{done}");
    }

    // A forgotten password ends the devices that the pool remembers.
    let forgetful = "+12025550109";
    cloud.add_user(forgetful).await.unwrap();
    cloud.remember_device(forgetful).await.unwrap();
    let client = cloud.client("native").unwrap();
    let forgot = json!({ "ClientId": client, "Username": forgetful });
    cloud.cognito("ForgotPassword", forgot).await.unwrap();
    let code = cloud.first_code(forgetful).await.unwrap();
    let confirmed = json!({
        "ClientId": client, "Username": forgetful, "ConfirmationCode": code, "Password": NEW,
    });
    cloud.cognito("ConfirmForgotPassword", confirmed).await.unwrap();

    // No trigger reports that an attribute is verified. The next sign-in pays back the codes to the address.
    let with_email = "+12025550110";
    let token = cloud.add_user(with_email).await.unwrap();
    let email = json!([{ "Name": "email", "Value": "pat@example.com" }]);
    let added = json!({ "AccessToken": token, "UserAttributes": email });
    cloud.cognito("UpdateUserAttributes", added).await.unwrap();
    let code = cloud.first_code("pat@example.com").await.unwrap();
    let verified = json!({ "AccessToken": token, "AttributeName": "email", "Code": code });
    cloud.cognito("VerifyUserAttribute", verified).await.unwrap();
    cloud.sign_in(with_email, PASSWORD).await.unwrap();

    cloud.add_user(ADMIN).await.unwrap();
    cloud.join_group(ADMIN, "helpers").await.unwrap();
    cloud.prefer_sms(ADMIN, ADMIN).await.unwrap();
    cloud.sign_in_by_sms(ADMIN, ADMIN).await.unwrap();
    let token = cloud.sign_in_by_sms(ADMIN, ADMIN).await.unwrap();
    let user = "+12025550104";
    let of_user = cloud.add_user(user).await.unwrap();
    cloud.remember_device(user).await.unwrap();
    cloud.enrol_totp(&of_user, now()).await.unwrap();
    let looked = json!({ "user": user });
    let (status, _) = cloud.api("POST", "/admin/users/audit", Some(&token), &looked).await.unwrap();
    assert_eq!(status, 200);
    for (method, operation, more) in [
        ("PUT", "preference", json!({ "sms": "ENABLED" })),
        ("PUT", "phone-number", json!({ "phoneNumber": "+12025550105" })),
        ("POST", "unlock", json!({})),
        ("POST", "mfa-reset", json!({})),
        ("POST", "erase", json!({})),
    ] {
        // The number is the name, and changes with it.
        let user = if matches!(operation, "preference" | "phone-number") { user } else { "+12025550105" };
        let mut body = json!({ "user": user, "reason": "ticket 17" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("/admin/users/{operation}");
        let (status, answer) = cloud.api(method, &path, Some(&token), &body).await.unwrap();
        assert!(matches!(status, 200 | 204), "{path}: {answer}");
    }
}

/// Frees the claim of a deleted user.
async fn reconcile_claims(cloud: &Cloud) {
    let table = &cloud.environment().unwrap()["MFA_TABLE"];
    let claim = json!({
        "pk": { "S": "ADDRESS#gone" }, "sk": { "S": "CLAIM" }, "owned_by": { "S": "gone" },
        "owned_since": { "N": "1" }, "v": { "N": "1" },
    });
    let put = json!({ "TableName": table, "Item": claim });
    cloud.call("dynamodb", "DynamoDB_20120810.PutItem", put).await.unwrap();
    let path = "/2015-03-31/functions/reconcile-claims/invocations";
    let run = cloud.request("lambda", "POST", path, "{}".to_owned()).await.unwrap();
    assert_eq!((&run["status"], &run["freed"]), (&json!("finished"), &json!(1)), "{run}");
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
    let overrides = tempfile::tempdir().unwrap();
    fs::write(overrides.path().join("policy.toml"), POLICY).unwrap();
    let folder = overrides.path().to_str().unwrap();
    let cloud = Cloud::start_with(&["--sign-in-with", "phone", "--config-dir", folder]).await.unwrap();
    help_users(&cloud).await;
    use_everything(&cloud).await;
    // A user whose address is verified when the sign-up is complete gets a welcome.
    let vouched = json!({
        "clientId": cloud.client("native").unwrap(), "provider": "Google", "subject": "1000",
        "attributes": { "email": "kim@example.com", "email_verified": "true" },
    });
    cloud.request("console", "POST", "/api/federated-sign-ins", vouched.to_string()).await.unwrap();
    reconcile_claims(&cloud).await;
    let allowed = allowed();
    // Senders continue after the call that started them.
    let mut called_so_far = called(&cloud).await;
    for _ in 0..200 {
        if called_so_far == allowed {
            break;
        }
        sleep(Duration::from_millis(25)).await;
        called_so_far = called(&cloud).await;
    }
    let reached = reached(&cloud).await;
    let idle: Vec<_> = partitions()
        .into_iter()
        .flat_map(|(of, patterns)| {
            let none = BTreeSet::new();
            let is_seldom = |pattern: &&String| {
                SELDOM_REACHED.iter().any(|(function, action, seldom)| {
                    of == ((*function).to_owned(), format!("dynamodb:{action}")) && *pattern == seldom
                })
            };
            let unused = patterns.difference(reached.get(&of).unwrap_or(&none));
            let unused: Vec<_> = unused.filter(|pattern| !is_seldom(pattern)).cloned().collect();
            unused.into_iter().map(move |pattern| format!("{}: {} {pattern}", of.0, of.1))
        })
        .collect();
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
    assert_eq!(without(&allowed, &called_so_far), SHOWN_ELSEWHERE, "allowed and never called");
    assert_eq!(idle, Vec::<String>::new(), "partitions that are allowed and never reached");
    let actions: usize = allowed.values().map(BTreeSet::len).sum();
    println!("roles: {actions} actions of {} functions, each called, no other", allowed.len());
    cloud.stop().await.unwrap();
}
