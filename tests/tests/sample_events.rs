//! Sends every sample event through its function, as the deployed binary.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::collections::BTreeMap;

use end_to_end::{Cloud, Function, SampleEvent, binary, functions, sample_events};
use local_lambda_host::{FunctionError, LambdaHost};
use serde_json::{Map, Value, json};

#[tokio::test]
async fn triggers_answer_every_sample_event() {
    let stage = Stage::set().await;
    let mut answers = BTreeMap::new();
    for (function, event) in trigger_events() {
        let answer = match stage.invoke(function, &event.payload).await {
            Ok(answer) => json!({ "response": without_markup(&answer["response"]) }),
            Err(error) => json!({ "error": error.message }),
        };
        answers.insert(event.name, answer);
    }
    stage.clear().await;
    insta::assert_json_snapshot!("triggers", answers);
}

#[tokio::test]
async fn triggers_hand_back_the_event_they_got() {
    let stage = Stage::set().await;
    for (function, event) in trigger_events() {
        let variants =
            [("as it is", event.payload.clone()), ("with more members", with_unknown_members(event.payload))];
        for (variant, sent) in variants {
            let answer = stage.invoke(function, &sent).await.unwrap();
            assert_eq!(without_response(&answer), without_response(&sent), "{} {variant}", event.name);
        }
    }
    stage.clear().await;
}

/// An absent member, `null` and an empty object are the same to a trigger.
#[tokio::test]
async fn triggers_take_absent_members_and_nulls_alike() {
    let stage = Stage::set().await;
    for (function, event) in trigger_events() {
        let expected = stage.invoke(function, &event.payload).await.unwrap();
        for member in ["clientMetadata", "validationData"] {
            for variant in [None, Some(Value::Null), Some(json!({}))] {
                let mut sent = event.payload.clone();
                let request = sent["request"].as_object_mut().unwrap();
                match variant {
                    None => request.remove(member),
                    Some(value) => request.insert(member.to_owned(), value),
                };
                let answer = stage.invoke(function, &sent).await.unwrap();
                assert_eq!(answer["response"], expected["response"], "{} {member}", event.name);
                assert_eq!(without_response(&answer), without_response(&sent), "{} {member}", event.name);
            }
        }
    }
    stage.clear().await;
}

#[tokio::test]
async fn the_mfa_api_answers_every_sample_event() {
    let stage = Stage::set().await;
    let mut answers = BTreeMap::new();
    for function in functions().iter().filter(|function| function.name == "mfa-api") {
        for event in sample_events(function).unwrap() {
            let mut answer = stage.invoke(function, &event.payload).await.unwrap();
            let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            answer["body"] = body;
            answers.insert(event.name, answer);
        }
    }
    stage.clear().await;
    insta::assert_json_snapshot!("mfa_api", answers);
}

#[tokio::test]
async fn the_mfa_api_answers_a_user_who_has_just_signed_in() {
    let stage = Stage::set().await;
    let event = stage.cloud.signed_in_request("/mfa").await.unwrap();
    let function = functions().iter().find(|function| function.name == "mfa-api").unwrap();
    let answer = stage.invoke(function, &event).await.unwrap();
    stage.clear().await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    insta::assert_snapshot!(
        answer["body"].as_str().unwrap(),
        @r#"{"enabled":[],"preferred":null,"totp":{"enabled":false,"replacing":false},"authenticators":[],"recoveryCodes":{"left":0},"passkeys":[],"trustedDevices":[]}"#
    );
}

/// A notice arrives once, however often its message comes. An invalid message is not repeated.
#[tokio::test]
async fn deliver_sends_every_notice_once() {
    let stage = Stage::set().await;
    let function = functions().iter().find(|function| function.name == "deliver").unwrap();
    for event in sample_events(function).unwrap() {
        for _ in 0..2 {
            let answer = stage.invoke(function, &event.payload).await;
            assert_eq!(answer.unwrap(), json!({}), "{}", event.name);
        }
    }
    assert_eq!(stage.invoke(function, &json!({ "kind": "letter" })).await.unwrap(), json!({}));
    let mails = stage.cloud.codes("alex@example.com").await.unwrap().len();
    let texts = stage.cloud.codes("+12025550123").await.unwrap().len();
    stage.clear().await;
    assert_eq!((mails, texts), (1, 1), "one each");
}

/// A refusal by the operator's policy reaches Cognito, and so the user, as a short public text.
#[tokio::test]
async fn a_refusal_is_a_function_error_with_a_public_text() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), "[sign_up]\nopen = false\n").unwrap();
    let stage = Stage::set_with([("MFA_CONFIG_DIR", folder.path().to_str().unwrap())].into()).await;
    let mut answers = BTreeMap::new();
    for (function, event) in
        trigger_events().into_iter().filter(|(function, _)| function.name == "pre-sign-up")
    {
        let answer = stage.invoke(function, &event.payload).await;
        let answer = answer.map_or_else(
            |error| format!("{}: {}", error.error_type, error.message),
            |answer| format!("answered {}", answer["response"]),
        );
        answers.insert(event.name, answer);
    }
    stage.clear().await;
    insta::assert_json_snapshot!("refusals", answers);
}

/// A broken text of the operator does not stop the code, and the log reports it.
#[tokio::test]
async fn a_broken_override_gives_way_and_rings_the_alarm() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("messages")).unwrap();
    std::fs::write(folder.path().join("messages/en.ftl"), "authentication-sms = { $cod }\n").unwrap();
    let stage = Stage::set_with([("MFA_CONFIG_DIR", folder.path().to_str().unwrap())].into()).await;
    let function = functions().iter().find(|function| function.name == "custom-message").unwrap();
    let events = sample_events(function).unwrap();
    let mut texts = Vec::new();
    for name in ["CustomMessage_SignUp", "CustomMessage_Authentication"] {
        let event = events.iter().find(|event| event.name == name).unwrap();
        let answer = stage.invoke(function, &event.payload).await.unwrap();
        texts.push(answer["response"]["smsMessage"].as_str().unwrap().to_owned());
    }
    let is_alarm = |line: &str| line.contains(r#""MessageOverrideBroken":1"#);
    stage.host.find_log(function.name, is_alarm).await.unwrap();
    let alarms = stage.host.logs(function.name).iter().filter(|line| is_alarm(line)).count();
    stage.clear().await;
    assert_eq!(alarms, 1, "for the broken text, and not for the other");
    insta::assert_snapshot!(texts.join("\n"), @"
    {####} is your Example sign-up code. Valid for 24 hours. Never share it.
    {####} is your Example sign-in code. Valid for 3 minutes. Never share it.
    ");
}

/// The functions on a Lambda host, with the cloud that they depend on.
struct Stage {
    cloud: Cloud,
    host: std::sync::Arc<LambdaHost>,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with(BTreeMap::new()).await
    }

    /// Adds variables to every function.
    async fn set_with(variables: BTreeMap<&str, &str>) -> Self {
        let cloud = Cloud::start().await.unwrap();
        let spec = |function: &Function| {
            let mut spec = cloud.function(function, &binary(function.name).unwrap()).unwrap();
            spec.environment
                .extend(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
            spec
        };
        let specs = functions().iter().map(spec).collect();
        let host = LambdaHost::start(specs).unwrap();
        Self { cloud, host }
    }

    async fn invoke(&self, function: &Function, event: &Value) -> Result<Value, FunctionError> {
        let invocation = self.host.invoke(function.name, event).await.unwrap();
        invocation.result.clone().map(|_| invocation.json().expect("an answer in JSON"))
    }

    async fn clear(self) {
        drop(self.host);
        self.cloud.stop().await.unwrap();
    }
}

fn trigger_events() -> Vec<(&'static Function, SampleEvent)> {
    let events: Vec<_> = functions()
        .iter()
        .filter(|function| function.is_trigger)
        .flat_map(|function| sample_events(function).unwrap().into_iter().map(move |event| (function, event)))
        .collect();
    assert!(!events.is_empty());
    events
}

/// Adds members that Cognito may add in the future, at every level.
fn with_unknown_members(event: Value) -> Value {
    match event {
        Value::Object(members) => {
            let mut members: Map<_, _> =
                members.into_iter().map(|(name, value)| (name, with_unknown_members(value))).collect();
            // Where all values are texts by contract, the addition is a text too.
            let addition = if members.values().all(Value::is_string) && !members.is_empty() {
                json!("café \u{1f511}")
            } else {
                json!({ "nothing": null, "list": [1, 2.5, 9_007_199_254_740_993_u64, false, {}], "text": "café \u{1f511}" })
            };
            members.insert("x-added-later".to_owned(), addition);
            Value::Object(members)
        }
        other => other,
    }
}

/// Replaces an e-mail's HTML by its visible text. Tests of the core check the markup.
fn without_markup(response: &Value) -> Value {
    let mut response = response.clone();
    if let Some(Value::String(html)) = response.get_mut("emailMessage") {
        let body = html.split_once("<body").expect("a body").1;
        let texts = body.split('<').filter_map(|tag| Some(tag.split_once('>')?.1.trim()));
        // The first text is the preheader with its padding.
        let seen: Vec<_> = texts.filter(|text| !text.is_empty()).skip(1).collect();
        *html = seen.join(" | ");
    }
    response
}

fn without_response(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove("response");
    event
}
