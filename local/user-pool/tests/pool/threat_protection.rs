//! Risky sign-ins: what is done about them, who is told, what is remembered (cognito.md §4.9).

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_user_pool::{ErrorCode, SignInRisk, StoreLocation, Switches};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::bench::{EMAIL, KEY_ARN, PHONE, access_token, arn, claims, merged};
use crate::support::{Bench, PASSWORD, USERNAME, code_of, totp};

const SAMPLE: &str = include_str!("../../../../events/CustomEmailSender_AccountTakeOverNotification.json");
const REFUSED: &str = "Unable to login because of security reasons.";

/// A pool that is protected, with a custom e-mail sender or without, and a user of it.
async fn bench(settings: Value) -> Bench {
    let protected = json!({
        "UserPoolTier": "PLUS",
        "UserPoolAddOns": {
            "AdvancedSecurityMode": "ENFORCED",
            "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "ENFORCED"},
        },
    });
    let bench = Bench::with(merged(protected, settings), json!({})).await;
    bench.set_mfa("OPTIONAL").await;
    bench
}

fn with_sender() -> Value {
    let sender = json!({"LambdaVersion": "V1_0", "LambdaArn": arn("email")});
    json!({"LambdaConfig": {"CustomEmailSender": sender, "KMSKeyID": KEY_ARN}})
}

/// Confirmed, without a message: `attributes` are their addresses.
async fn add_user(bench: &Bench, attributes: &[(&str, &str)]) {
    let attributes: Vec<_> =
        attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let create = json!({"UserAttributes": attributes, "MessageAction": "SUPPRESS"});
    bench.ok("AdminCreateUser", merged(user.clone(), create)).await;
    let password = json!({"Password": PASSWORD, "Permanent": true});
    bench.ok("AdminSetUserPassword", merged(user, password)).await;
}

fn judge(bench: &Bench, sign_in_risk: SignInRisk) {
    bench.pools.set_switches(Switches { sign_in_risk, ..bench.pools.switches() });
}

fn takeover(level: &str, action: &str, notify: bool) -> Value {
    json!({
        "Actions": {format!("{level}Action"): {"EventAction": action, "Notify": notify}},
        "NotifyConfiguration": {
            "SourceArn": "arn:aws:ses:us-east-1:111122223333:identity/admin@example.com",
            "BlockEmail": {
                "Subject": "Blocked {username}",
                "TextBody": "{ip-address} {login-time} {event-id} {city}.",
                "HtmlBody": "<p>not this one</p>",
            },
            "MfaEmail": {"Subject": "Second factor", "HtmlBody": "<p>{username}</p>"},
        },
    })
}

async fn configure(bench: &Bench, level: &str, action: &str, notify: bool) {
    let takeover = takeover(level, action, notify);
    let input = json!({"UserPoolId": bench.pool, "AccountTakeoverRiskConfiguration": takeover});
    bench.ok("SetRiskConfiguration", input).await;
}

/// As the wire writes it.
fn now(bench: &Bench) -> Value {
    json!(f64::from(i32::try_from(bench.seconds()).unwrap()))
}

/// Newest first.
async fn events(bench: &Bench) -> Vec<Value> {
    let input = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let listed = bench.ok("AdminListUserAuthEvents", input).await;
    listed["AuthEvents"].as_array().unwrap().clone()
}

fn facts(event: &Value) -> BTreeSet<String> {
    event["request"]["userAttributes"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_sender_is_told_of_a_risky_sign_in() {
    let bench = bench(with_sender()).await;
    add_user(&bench, &[("email", EMAIL)]).await;
    configure(&bench, "Low", "NO_ACTION", true).await;
    bench.with_password().await.unwrap();
    assert!(bench.sources().is_empty(), "no risk, no notification");

    judge(&bench, SignInRisk::Low);
    let token = access_token(&bench.with_srp(USERNAME, PASSWORD).await.unwrap());
    assert_eq!(bench.sources(), ["CustomEmailSender_AccountTakeOverNotification"]);
    let event = bench.event("CustomEmailSender_AccountTakeOverNotification");
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let members = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(members(&event), members(&sample));
    assert_eq!(members(&event["request"]), members(&sample["request"]));
    let unknown_here = ["CITY", "COUNTRY", "DEVICE_NAME"].map(str::to_owned).into();
    assert_eq!(facts(&event), &facts(&sample) - &unknown_here);

    let request = &event["request"];
    assert_eq!((&request["type"], &request["code"]), (&json!("customEmailSenderRequestV1"), &Value::Null));
    let facts = &request["userAttributes"];
    assert_eq!(facts["EVENT_ID"], claims(&token)["event_id"], "the sign-in that the tokens are of");
    assert_eq!(facts["USER_NAME"], USERNAME);
    assert_eq!(facts["IP_ADDRESS"], "127.0.0.1");
    assert_eq!(facts["ACCOUNT_TAKE_OVER_ACTION"], "NO_ACTION");
    assert_eq!(facts["LOGIN_TIME"], "2026-11-03T09:05:07Z");
    assert!(bench.outbox.0.lock().unwrap().is_empty(), "the sender alone has it");
    assert!(bench.data_keys.0.lock().unwrap().is_empty(), "there is no code to encrypt");
}

#[tokio::test]
async fn nobody_is_told_who_asked_not_to_be_or_has_no_address() {
    let bench = bench(with_sender()).await;
    add_user(&bench, &[("phone_number", PHONE)]).await;
    judge(&bench, SignInRisk::High);
    configure(&bench, "High", "NO_ACTION", true).await;
    bench.with_password().await.unwrap();
    assert!(bench.sources().is_empty(), "without an address");

    let email = json!([{"Name": "email", "Value": EMAIL}]);
    let update = json!({"UserPoolId": bench.pool, "Username": USERNAME, "UserAttributes": email});
    bench.ok("AdminUpdateUserAttributes", update).await;
    bench.forget_calls();
    bench.with_password().await.unwrap();
    assert_eq!(bench.sources(), ["CustomEmailSender_AccountTakeOverNotification"], "verified or not");
    bench.forget_calls();
    configure(&bench, "High", "NO_ACTION", false).await;
    bench.with_password().await.unwrap();
    configure(&bench, "Low", "NO_ACTION", true).await;
    bench.with_password().await.unwrap();
    assert!(bench.sources().is_empty(), "no Notify, no action for the level");
}

#[tokio::test]
async fn a_blocked_sign_in_is_refused_after_the_right_password() {
    let bench = bench(with_sender()).await;
    add_user(&bench, &[("email", EMAIL)]).await;
    configure(&bench, "High", "BLOCK", true).await;
    judge(&bench, SignInRisk::High);
    let wrong = bench.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": USERNAME, "PASSWORD": "Wrong-1!"}));
    assert_eq!(wrong.await.unwrap_err().message, "Incorrect username or password.");
    let stranger = bench.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": "x", "PASSWORD": PASSWORD}));
    assert_eq!(stranger.await.unwrap_err().message, "Incorrect username or password.");
    assert!(bench.sources().is_empty(), "a wrong password is a wrong password");

    for refused in [bench.with_password().await, bench.with_srp(USERNAME, PASSWORD).await] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::NotAuthorized, REFUSED));
    }
    assert_eq!(bench.sources().len(), 2, "each told");
    let event = bench.event("CustomEmailSender_AccountTakeOverNotification");
    assert_eq!(event["request"]["userAttributes"]["ACCOUNT_TAKE_OVER_ACTION"], "BLOCK");
    judge(&bench, SignInRisk::Medium);
    bench.with_password().await.unwrap();
}

#[rstest]
#[case("MFA_IF_CONFIGURED")]
#[case("MFA_REQUIRED")]
#[tokio::test]
async fn a_factor_that_is_not_switched_on_is_asked_for(#[case] action: &str) {
    let bench = bench(with_sender()).await;
    add_user(&bench, &[("email", EMAIL), ("phone_number", PHONE)]).await;
    let recovery =
        json!([{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]);
    let mut pool = bench.ok("DescribeUserPool", json!({"UserPoolId": bench.pool})).await["UserPool"].clone();
    let kept = ["LambdaConfig", "UserPoolTier", "UserPoolAddOns", "EmailConfiguration", "SmsConfiguration"];
    pool.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
    let settings = json!({
        "UserPoolId": bench.pool, "MfaConfiguration": "OPTIONAL",
        "AccountRecoverySetting": {"RecoveryMechanisms": recovery},
    });
    bench.ok("UpdateUserPool", merged(pool, settings)).await;
    configure(&bench, "Medium", action, true).await;
    assert!(bench.with_password().await.unwrap().get("AuthenticationResult").is_some());

    bench.advance(1);
    judge(&bench, SignInRisk::Medium);
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SMS_MFA", "the address is for recovery");
    let code = code_of(&bench, PHONE);
    let wrong = bench.respond(&challenge, json!({"SMS_MFA_CODE": "no"})).await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::CodeMismatch);
    let in_progress = events(&bench).await.remove(0);
    assert_eq!(in_progress["EventResponse"], "InProgress");
    bench.respond(&challenge, json!({"SMS_MFA_CODE": code})).await.unwrap();

    let event = bench.event("CustomEmailSender_AccountTakeOverNotification");
    assert_eq!(event["request"]["userAttributes"]["ACCOUNT_TAKE_OVER_ACTION"], action);
    let passed = events(&bench).await.remove(0);
    assert_eq!((&passed["EventId"], &passed["EventResponse"]), (&in_progress["EventId"], &json!("Pass")));
    assert_eq!(
        passed["ChallengeResponses"],
        json!([
            {"ChallengeName": "Password", "ChallengeResponse": "Success"},
            {"ChallengeName": "Mfa", "ChallengeResponse": "Failure"},
            {"ChallengeName": "Mfa", "ChallengeResponse": "Success"},
        ])
    );
    let risk = json!({"RiskDecision": "AccountTakeover", "RiskLevel": "Medium", "CompromisedCredentialsDetected": false});
    assert_eq!(passed["EventRisk"], risk);
}

#[tokio::test]
async fn an_authenticator_that_is_registered_is_asked_for() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    let token = bench.access_token().await;
    let secret = bench.enrol_totp(&token).await;
    let off = json!({"Enabled": false, "PreferredMfa": false});
    bench.ok("SetUserMFAPreference", json!({"AccessToken": token, "SoftwareTokenMfaSettings": off})).await;
    configure(&bench, "Low", "MFA_REQUIRED", false).await;
    judge(&bench, SignInRisk::Low);
    let challenge = bench.with_srp(USERNAME, PASSWORD).await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    bench.advance(60);
    let code = totp(&secret, bench.seconds(), 0);
    bench.respond(&challenge, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap();
}

#[tokio::test]
async fn who_has_no_factor_is_refused_only_where_one_is_required() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    judge(&bench, SignInRisk::Medium);
    configure(&bench, "Medium", "MFA_IF_CONFIGURED", false).await;
    assert!(bench.with_password().await.unwrap().get("AuthenticationResult").is_some());
    bench.advance(1);
    configure(&bench, "Medium", "MFA_REQUIRED", false).await;
    assert_eq!(bench.with_password().await.unwrap_err().message, REFUSED);
    let risk = events(&bench).await.remove(0)["EventRisk"]["RiskDecision"].clone();
    assert_eq!(risk, "Block");
}

#[tokio::test]
async fn a_custom_challenge_is_judged_when_tokens_are_granted() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    let define = bench.function("define", |event| {
        let session = event["request"]["session"].as_array().unwrap();
        let right = session.last().is_some_and(|last| last["challengeResult"] == true);
        let answer =
            if right { json!({"issueTokens": true}) } else { json!({"challengeName": "CUSTOM_CHALLENGE"}) };
        Ok(crate::support::bench::answering(event, answer))
    });
    let verify = bench.function("verify", |event| {
        Ok(crate::support::bench::answering(event, json!({"answerCorrect": true})))
    });
    let triggers = json!({
        "DefineAuthChallenge": define, "CreateAuthChallenge": arn("create"), "VerifyAuthChallengeResponse": verify,
    });
    let flows = |custom: &str| json!({"AdvancedSecurityMode": "ENFORCED", "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": custom}});
    let update = |add_ons: Value| json!({"UserPoolId": bench.pool, "LambdaConfig": triggers, "UserPoolTier": "PLUS", "UserPoolAddOns": add_ons});
    judge(&bench, SignInRisk::High);
    for (add_ons, refused) in [
        (flows("ENFORCED"), true),
        (flows("AUDIT"), false),
        (json!({"AdvancedSecurityMode": "ENFORCED"}), false),
    ] {
        bench.ok("UpdateUserPool", update(add_ons)).await;
        configure(&bench, "High", "BLOCK", false).await;
        let challenge = bench.initiate("CUSTOM_AUTH", json!({"USERNAME": USERNAME})).await.unwrap();
        let answer = bench.respond(&challenge, json!({"ANSWER": "sky"})).await;
        assert_eq!(answer.is_err(), refused, "{answer:?}");
    }
    let decisions: Vec<_> =
        events(&bench).await.iter().map(|event| event["EventRisk"]["RiskDecision"].clone()).collect();
    assert_eq!(decisions.len(), 2, "without a mode of its own nothing is kept: {decisions:?}");
}

#[tokio::test]
async fn audit_keeps_the_risk_and_does_nothing() {
    let bench =
        bench(merged(with_sender(), json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}))).await;
    add_user(&bench, &[("email", EMAIL)]).await;
    configure(&bench, "High", "BLOCK", true).await;
    judge(&bench, SignInRisk::High);
    bench.with_password().await.unwrap();
    assert!(bench.sources().is_empty());
    assert_eq!(events(&bench).await[0]["EventRisk"]["RiskLevel"], "High");
}

#[tokio::test]
async fn without_a_sender_the_pools_own_words_go_out() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[("email", EMAIL)]).await;
    configure(&bench, "High", "BLOCK", true).await;
    judge(&bench, SignInRisk::High);
    bench.with_password().await.unwrap_err();
    let event = events(&bench).await[0]["EventId"].as_str().unwrap().to_owned();
    configure(&bench, "High", "MFA_IF_CONFIGURED", true).await;
    bench.with_password().await.unwrap();
    configure(&bench, "High", "NO_ACTION", true).await;
    bench.with_password().await.unwrap();
    let sent = bench.outbox.0.lock().unwrap().clone();
    let sent: Vec<_> = sent.iter().filter(|message| message.code.is_none()).collect();
    let subjects: Vec<_> = sent.iter().map(|message| message.subject.as_deref().unwrap()).collect();
    assert_eq!(subjects, ["Blocked alex", "Second factor", "An unusual sign-in"]);
    assert!(sent.iter().all(|message| message.to == EMAIL));
    assert_eq!(sent[0].text, format!("127.0.0.1 2026-11-03T09:05:07Z {event} ."));
    assert_eq!(sent[1].text, "<p>alex</p>");
}

#[tokio::test]
async fn a_client_has_its_own_configuration_or_the_pools_and_the_default_blocks() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    judge(&bench, SignInRisk::Low);
    assert_eq!(bench.with_password().await.unwrap_err().message, REFUSED, "the default");
    configure(&bench, "Low", "NO_ACTION", false).await;
    bench.with_password().await.unwrap();

    let client = json!({"UserPoolId": bench.pool, "ClientId": bench.client});
    let own = json!({"AccountTakeoverRiskConfiguration": takeover("Low", "BLOCK", false)});
    let set = bench.ok("SetRiskConfiguration", merged(client.clone(), own)).await;
    assert_eq!(bench.with_password().await.unwrap_err().message, REFUSED, "the client's");
    assert_eq!(bench.ok("DescribeRiskConfiguration", client.clone()).await, set);
    assert_eq!(set["RiskConfiguration"]["ClientId"], bench.client);
    bench.ok("SetRiskConfiguration", client).await;
    bench.with_password().await.unwrap();

    let described = bench.ok("DescribeRiskConfiguration", json!({"UserPoolId": bench.pool})).await;
    let described = &described["RiskConfiguration"];
    let expected = takeover("Low", "NO_ACTION", false);
    assert_eq!(described["AccountTakeoverRiskConfiguration"], expected);
    assert_eq!(described["LastModifiedDate"], now(&bench));
    bench.ok("SetRiskConfiguration", json!({"UserPoolId": bench.pool})).await;
    assert_eq!(bench.with_password().await.unwrap_err().message, REFUSED, "the default again");
}

#[tokio::test]
async fn addresses_are_blocked_and_skipped_by_range() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    judge(&bench, SignInRisk::High);
    let lists = json!({"BlockedIPRangeList": ["192.0.2.0/24"], "SkippedIPRangeList": ["203.0.113.0/24", "2001:db8::/32"]});
    let set = json!({"UserPoolId": bench.pool, "RiskExceptionConfiguration": lists});
    bench.ok("SetRiskConfiguration", set).await;
    let from = async |address: &str, password: &str| {
        let context = json!({"IpAddress": address, "ServerName": "s", "ServerPath": "/", "HttpHeaders": []});
        let input = json!({
            "UserPoolId": bench.pool, "ClientId": bench.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": USERNAME, "PASSWORD": password}, "ContextData": context,
        });
        bench.call("AdminInitiateAuth", input).await.map_err(|error| error.message)
    };
    let blocked = "Request not allowed due to security reasons.";
    assert_eq!(from("192.0.2.7", "Wrong-1!").await.unwrap_err(), blocked);
    assert_eq!(from("198.51.100.1", PASSWORD).await.unwrap_err(), REFUSED);
    assert!(from("203.0.113.9", PASSWORD).await.is_ok());
    assert!(from("2001:db8::9", PASSWORD).await.is_ok());
    assert_eq!(from("nowhere", PASSWORD).await.unwrap_err(), "Invalid IP address.");
    let seen: Vec<_> =
        events(&bench).await.iter().map(|event| event["EventContextData"]["IpAddress"].clone()).collect();
    assert_eq!(seen.len(), 4);
    assert!(seen.contains(&json!("192.0.2.7")));

    let wrong = json!({"UserPoolId": bench.pool, "RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.7"]}});
    assert_eq!(bench.refused("SetRiskConfiguration", wrong).await.0, ErrorCode::InvalidParameter);
}

#[tokio::test]
async fn only_a_confidential_client_that_may_tells_the_users_address() {
    let mut bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    let sign_in = async |bench: &Bench, hash: Option<String>| {
        let mut parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD});
        if let Some(hash) = hash {
            parameters["SECRET_HASH"] = hash.into();
        }
        let input = json!({
            "ClientId": bench.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters,
            "UserContextData": {"IpAddress": "198.51.100.7"},
        });
        bench.advance(1);
        bench.ok("InitiateAuth", input).await;
        events(bench).await[0]["EventContextData"]["IpAddress"].clone()
    };
    assert_eq!(sign_in(&bench, None).await, "127.0.0.1");
    let public = json!({"EnablePropagateAdditionalUserContextData": true});
    bench.client = bench.make_client(public).await;
    assert_eq!(sign_in(&bench, None).await, "127.0.0.1", "anybody could tell it");
    let secret = "aSecretOfItsOwnThatIsLongEnough";
    let client = json!({"ClientSecret": secret, "EnablePropagateAdditionalUserContextData": true});
    bench.client = bench.make_client(client).await;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{USERNAME}{}", bench.client).as_bytes());
    let hash = STANDARD.encode(tag);
    assert_eq!(sign_in(&bench, Some(hash)).await, "198.51.100.7");
}

#[tokio::test]
async fn events_are_listed_newest_first_by_pages() {
    let bench = bench(json!({})).await;
    add_user(&bench, &[]).await;
    let wrong = bench.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": USERNAME, "PASSWORD": "Wrong-1!"}));
    wrong.await.unwrap_err();
    for _ in 0..3 {
        bench.advance(1);
        bench.with_password().await.unwrap();
    }
    let all = events(&bench).await;
    let times: Vec<_> = all.iter().map(|event| event["CreationDate"].as_f64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one > other) && times.len() == 4, "{times:?}");
    assert_eq!((&all[3]["EventResponse"], &all[0]["EventResponse"]), (&json!("Fail"), &json!("Pass")));
    assert_eq!(
        all[0]["EventRisk"],
        json!({"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": false})
    );

    let mut paged = Vec::new();
    let mut next = Value::Null;
    loop {
        let input =
            json!({"UserPoolId": bench.pool, "Username": USERNAME, "MaxResults": 3, "NextToken": next});
        let page = bench.ok("AdminListUserAuthEvents", input).await;
        paged.push(page["AuthEvents"].as_array().unwrap().clone());
        next = page.get("NextToken").cloned().unwrap_or_default();
        if next.is_null() {
            break;
        }
    }
    assert_eq!(paged.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(paged.concat(), all);
    let bad = json!({"UserPoolId": bench.pool, "Username": USERNAME, "NextToken": "x#y"});
    assert_eq!(bench.refused("AdminListUserAuthEvents", bad).await.0, ErrorCode::InvalidParameter);
    bench.ok("AdminDeleteUser", json!({"UserPoolId": bench.pool, "Username": USERNAME})).await;
    add_user(&bench, &[]).await;
    assert!(events(&bench).await.is_empty(), "another user of the same name");
}

#[tokio::test]
async fn events_and_configuration_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreLocation::File(folder.path().join("pools.db"));
    let mut before = Bench::bare(store.clone()).await;
    let plus = json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}});
    before.pool = before.make_pool(plus).await;
    before.client = before.make_client(json!({})).await;
    add_user(&before, &[]).await;
    configure(&before, "Low", "NO_ACTION", true).await;
    judge(&before, SignInRisk::Low);
    before.with_password().await.unwrap();
    let configured = before.ok("DescribeRiskConfiguration", json!({"UserPoolId": before.pool})).await;
    let kept = events(&before).await;
    assert_eq!(kept.len(), 1);

    let mut later = Bench::bare(store).await;
    (later.pool, later.client) = (before.pool.clone(), before.client.clone());
    drop(before);
    assert_eq!(events(&later).await, kept);
    assert_eq!(later.ok("DescribeRiskConfiguration", json!({"UserPoolId": later.pool})).await, configured);
}

#[tokio::test]
async fn feedback_comes_from_administrators_and_from_the_notifications_links() {
    let bench = bench(with_sender()).await;
    add_user(&bench, &[("email", EMAIL)]).await;
    configure(&bench, "Low", "NO_ACTION", true).await;
    judge(&bench, SignInRisk::Low);
    bench.with_password().await.unwrap();
    let event = bench.event("CustomEmailSender_AccountTakeOverNotification");
    let facts = event["request"]["userAttributes"].clone();
    let of = |value: &str| json!({"UserPoolId": bench.pool, "Username": USERNAME, "EventId": facts["EVENT_ID"], "FeedbackValue": value});
    let feedback = async || events(&bench).await[0].get("EventFeedback").cloned();
    assert_eq!(feedback().await, None);
    let wrong = merged(of("Valid"), json!({"FeedbackToken": "wrong"}));
    assert_eq!(bench.refused("UpdateAuthEventFeedback", wrong).await.0, ErrorCode::NotAuthorized);
    let right = merged(of("Invalid"), json!({"FeedbackToken": facts["FEEDBACK_TOKEN"]}));
    bench.ok("UpdateAuthEventFeedback", right).await;
    let given = |value: &str, provider: &str| json!({"FeedbackValue": value, "Provider": provider, "FeedbackDate": now(&bench)});
    assert_eq!(feedback().await, Some(given("Invalid", "User")));
    bench.ok("AdminUpdateAuthEventFeedback", of("Valid")).await;
    assert_eq!(feedback().await, Some(given("Valid", "Admin")));
    let nowhere = merged(of("Valid"), json!({"EventId": "other"}));
    assert_eq!(bench.refused("AdminUpdateAuthEventFeedback", nowhere).await.0, ErrorCode::ResourceNotFound);

    let follow = async |link: &str| {
        let path = link.strip_prefix("http://127.0.0.1:9000").unwrap();
        let request = Request::get(path).header("host", "127.0.0.1:9000").body(Body::empty()).unwrap();
        bench.pools.router().oneshot(request).await.unwrap().status().as_u16()
    };
    let link = facts["ONE_CLICK_LINK_INVALID"].as_str().unwrap();
    assert_eq!(follow(link).await, 200);
    assert_eq!(feedback().await, Some(given("Invalid", "User")));
    assert_eq!(follow(facts["ONE_CLICK_LINK_VALID"].as_str().unwrap()).await, 200);
    assert_eq!(feedback().await, Some(given("Valid", "User")));
    assert_eq!(follow(&link.replace("feedback_token=", "feedback_token=x")).await, 400);
}

#[tokio::test]
async fn it_needs_the_add_on_and_the_add_on_needs_the_plan() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let pool = json!({"UserPoolId": bench.pool});
    let user = merged(pool.clone(), json!({"Username": USERNAME}));
    let feedback = merged(user.clone(), json!({"EventId": "1", "FeedbackValue": "Valid"}));
    for (operation, input) in [
        ("SetRiskConfiguration", pool.clone()),
        ("DescribeRiskConfiguration", pool.clone()),
        ("AdminListUserAuthEvents", user),
        ("AdminUpdateAuthEventFeedback", feedback.clone()),
        ("UpdateAuthEventFeedback", merged(feedback, json!({"FeedbackToken": "x"}))),
    ] {
        assert_eq!(
            bench.refused(operation, input).await.0,
            ErrorCode::UserPoolAddOnNotEnabled,
            "{operation}"
        );
    }
    judge(&bench, SignInRisk::High);
    bench.with_password().await.unwrap();
    let add_on = merged(pool, json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}));
    let (code, text) = bench.refused("UpdateUserPool", add_on).await;
    assert_eq!(code, ErrorCode::FeatureUnavailableInTier);
    assert!(text.contains("ESSENTIALS") && text.ends_with("Threat Protection"), "{text}");
}
