//! What CloudFormation, SAM and Lambda would find wrong with `infra/template.yaml`, without them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails where its own steps do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use end_to_end::{Cloud, binary, functions, workspace};
use local_lambda_host::LambdaHost;
use serde_json::{Value as Json, json};
use serde_norway::Value;
use tokio::process::Command;

const FUNCTION: &str = "AWS::Serverless::Function";

fn template() -> Value {
    let text = fs::read_to_string(workspace().join("infra/template.yaml")).unwrap();
    serde_norway::from_str(&text).unwrap()
}

fn section<'a>(template: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = template.get(name).and_then(Value::as_mapping).unwrap();
    members.iter().map(|(id, value)| (id.as_str().unwrap(), value))
}

fn kind(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap()
}

/// Binaries by logical id.
fn stanzas(template: &Value) -> BTreeMap<&str, &str> {
    section(template, "Resources")
        .filter(|(_, resource)| kind(resource) == FUNCTION)
        .map(|(id, resource)| {
            let metadata = resource.get("Metadata").unwrap();
            let binary = metadata.get("BuildProperties").and_then(|build| build.get("Binary"));
            (id, binary.and_then(Value::as_str).unwrap())
        })
        .collect()
}

/// What a value refers to: the names in `Ref`, `GetAtt` and `Sub`, in both their spellings.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            call(tag.trim_start_matches('!'), &tagged.value, found);
        }
        Value::Mapping(members) => {
            for (name, member) in members {
                match name.as_str() {
                    Some("Ref") => call("Ref", member, found),
                    Some(name) if name.starts_with("Fn::") => {
                        call(name.trim_start_matches("Fn::"), member, found);
                    }
                    Some("DependsOn") => names(member, found),
                    _ => references(member, found),
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn call(function: &str, argument: &Value, found: &mut BTreeSet<String>) {
    match (function, argument) {
        ("Ref", Value::String(name)) => drop(found.insert(name.clone())),
        ("GetAtt", Value::String(name)) => drop(found.insert(name.split('.').next().unwrap().to_owned())),
        ("GetAtt", Value::Sequence(parts)) => names(parts.first().unwrap(), found),
        ("Sub", Value::String(text)) => substitutions(text, found),
        ("Sub", Value::Sequence(parts)) => {
            substitutions(parts[0].as_str().unwrap(), found);
            references(&parts[1], found);
        }
        _ => references(argument, found),
    }
}

fn substitutions(text: &str, found: &mut BTreeSet<String>) {
    for name in text.split("${").skip(1) {
        let name = name.split(['}', '.']).next().unwrap();
        found.insert(name.to_owned());
    }
}

fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Sequence(items) => items.iter().for_each(|item| names(item, found)),
        other => drop(found.insert(other.as_str().unwrap().to_owned())),
    }
}

/// Resource → the resources that have to be there before it.
fn dependencies(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let ids: BTreeSet<_> = section(template, "Resources").map(|(id, _)| id.to_owned()).collect();
    let known = |value: &Value| {
        let mut found = BTreeSet::new();
        references(value, &mut found);
        found.retain(|name| ids.contains(name));
        found
    };
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for (id, resource) in section(template, "Resources") {
        let mut own = resource.clone();
        // SAM makes an event a part of the API, which has the function's ARN in its routes.
        let events =
            own.get_mut("Properties").and_then(Value::as_mapping_mut).and_then(|all| all.remove("Events"));
        all.entry(id.to_owned()).or_default().extend(known(&own));
        for api in events.iter().flat_map(&known) {
            all.entry(api).or_default().insert(id.to_owned());
        }
    }
    all
}

/// The order of creation, or what is left when nothing can be created any more.
fn order(mut dependencies: BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Vec<String>> {
    let mut order = Vec::new();
    while !dependencies.is_empty() {
        let ready: Vec<_> = dependencies
            .iter()
            .filter(|(_, needed)| needed.iter().all(|id| order.contains(id)))
            .map(|(id, _)| id.clone())
            .collect();
        if ready.is_empty() {
            return Err(dependencies.into_keys().collect());
        }
        for id in ready {
            dependencies.remove(&id);
            order.push(id);
        }
    }
    Ok(order)
}

#[test]
fn the_resources_can_be_created_one_after_another() {
    let template = template();
    let all = section(&template, "Resources").count();
    assert_eq!(order(dependencies(&template)).map(|order| order.len()), Ok(all));
}

#[test]
fn a_pool_in_the_same_stack_as_its_triggers_permissions_would_be_a_cycle() {
    let cycle = "
Resources:
  Pool: { Type: AWS::Cognito::UserPool, Properties: { LambdaConfig: { PreSignUp: !GetAtt Function.Arn } } }
  Table: { Type: AWS::DynamoDB::Table }
  Function:
    Type: AWS::Serverless::Function
    Properties: { Environment: { Variables: { POOL: !Sub 'x/${Pool}' } }, Events: { Get: { Properties: { ApiId: !Ref Api } } } }
  Api: { Type: AWS::Serverless::HttpApi, DependsOn: Table }
";
    let stuck = order(dependencies(&serde_norway::from_str(cycle).unwrap())).unwrap_err();
    assert_eq!(stuck, ["Api", "Function", "Pool"]);
}

#[test]
fn what_is_referred_to_exists() {
    let template = template();
    let mut found = BTreeSet::new();
    for part in ["Globals", "Resources", "Outputs"] {
        references(template.get(part).unwrap(), &mut found);
    }
    let known: BTreeSet<_> = ["Parameters", "Resources"]
        .iter()
        .flat_map(|part| section(&template, part))
        .map(|(id, _)| id)
        .collect();
    found.retain(|name| !name.starts_with("AWS::") && !known.contains(name.as_str()));
    assert_eq!(found, BTreeSet::new());
    let mut used = BTreeSet::new();
    references(&template, &mut used);
    let idle: Vec<_> =
        section(&template, "Parameters").map(|(id, _)| id).filter(|id| !used.contains(*id)).collect();
    assert_eq!(idle, Vec::<&str>::new(), "parameters that nothing uses");
}

#[test]
fn every_function_has_a_stanza_of_its_name_and_every_trigger_an_output() {
    let template = template();
    let stanzas = stanzas(&template);
    let binaries: BTreeSet<_> = stanzas.values().copied().collect();
    let listed: BTreeSet<_> = functions().iter().map(|function| function.name).collect();
    assert_eq!(binaries, listed);
    for (id, binary) in &stanzas {
        let words = binary.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(*id, words.collect::<String>());
    }
    let mut attached = BTreeSet::new();
    for (key, output) in section(&template, "Outputs").filter(|(key, _)| key.starts_with("Trigger")) {
        let mut named = BTreeSet::new();
        references(output, &mut named);
        let id = named.into_iter().next().unwrap();
        assert_eq!(key.to_lowercase(), format!("trigger{}", id.to_lowercase()));
        attached.insert(stanzas[id.as_str()]);
    }
    let triggers = functions().iter().filter(|function| function.is_trigger).map(|function| function.name);
    assert_eq!(attached, triggers.collect(), "`cognito-mfa attach` wires what has an output");
}

#[tokio::test]
async fn a_function_reads_the_variables_that_the_template_gives_it_and_no_others() {
    // Under a policy that has something to do for each function.
    let overrides = tempfile::tempdir().unwrap();
    let policy = "[sign_up.unique]\nemail = true\n[sign_in]\nenforce = true\n";
    fs::write(overrides.path().join("policy.toml"), policy).unwrap();
    let cloud = Cloud::start().await.unwrap();
    for function in functions() {
        let path = format!("/2015-03-31/functions/{}/configuration", function.name);
        let configuration = cloud.request("lambda", "GET", &path, String::new()).await.unwrap();
        let mut given: BTreeMap<String, String> =
            serde_json::from_value(configuration["Environment"]["Variables"].clone()).unwrap();
        // Lambda gives these; the endpoints are the local cloud's.
        given.retain(|name, _| !name.starts_with("AWS_"));
        if let Some(folder) = given.get_mut("MFA_CONFIG_DIR") {
            overrides.path().to_str().unwrap().clone_into(folder);
        }
        let asked = asked_for(&binary(function.name).unwrap(), &given).await;
        let given: BTreeSet<_> = given.into_keys().collect();
        assert_eq!(asked, given, "{}", function.name);
    }
    cloud.stop().await.unwrap();
}

/// What a function asks its environment for, by its own log.
async fn asked_for(binary: &Path, given: &BTreeMap<String, String>) -> BTreeSet<String> {
    let output = Command::new(binary)
        .env_clear()
        .envs(given)
        .env("LOG_LEVEL", "debug")
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "a")])
        // Nobody is there: the function ends when it asks for its first event.
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .output()
        .await
        .unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    let told = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()).find_map(|line| {
        let variables = line.get("variables")?.as_str()?.to_owned();
        Some(variables.split(',').map(str::to_owned).collect::<Vec<_>>())
    });
    let told = told
        .unwrap_or_else(|| panic!("{}: {log}{}", binary.display(), String::from_utf8_lossy(&output.stderr)));
    told.into_iter().filter(|name| !name.starts_with("AWS_")).collect()
}

#[test]
fn the_dashboard_shows_every_function() {
    let template = template();
    let body = section(&template, "Resources")
        .find(|(_, resource)| kind(resource) == "AWS::CloudWatch::Dashboard")
        .and_then(|(_, dashboard)| dashboard.get("Properties")?.get("DashboardBody"))
        .and_then(|body| match body {
            Value::Tagged(substituted) => substituted.value.as_str(),
            _ => None,
        })
        .unwrap();
    let body: Json = serde_json::from_str(body).expect("CloudWatch takes nothing but JSON");
    let widgets = body["widgets"].as_array().unwrap();
    let shown = |metric: &str| -> BTreeSet<String> {
        let metrics = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
        let of_lambda = metrics.filter(|one| one[0] == "AWS/Lambda" && one[1] == metric);
        of_lambda.map(|one| one[3].as_str().unwrap().trim_matches(['$', '{', '}']).to_owned()).collect()
    };
    let functions: BTreeSet<_> = stanzas(&template).into_keys().map(str::to_owned).collect();
    assert_eq!(shown("Errors"), functions);
}

#[test]
fn every_alarm_says_what_it_means_and_has_a_line_in_the_runbook() {
    let runbook = fs::read_to_string(workspace().join("docs/OPERATIONS.md")).unwrap();
    let (_, alarms) = runbook.split_once("## Alarms").unwrap();
    let (alarms, _) = alarms.split_once("\n## ").unwrap();
    let lines: BTreeSet<_> = alarms
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
        .flat_map(|cell| cell.split(['`', ',', ' ']).filter(|name| !name.is_empty()))
        .collect();
    let template = template();
    let alarms =
        section(&template, "Resources").filter(|(_, resource)| kind(resource) == "AWS::CloudWatch::Alarm");
    let documented: BTreeSet<_> = alarms
        .map(|(id, alarm)| {
            let described = alarm.get("Properties").and_then(|properties| properties.get("AlarmDescription"));
            assert!(described.and_then(Value::as_str).is_some_and(|text| text.len() > 20), "{id}");
            id
        })
        .collect();
    assert_eq!(lines, documented);
}

#[test]
fn every_trigger_that_somebody_waits_for_is_watched() {
    let template = template();
    let stanzas = stanzas(&template);
    // Cognito does not wait for these; what they fail at for good lands in a queue with an alarm.
    let senders = ["CustomSmsSender", "CustomEmailSender"];
    let triggers: BTreeSet<_> = functions().iter().filter(|one| one.is_trigger).map(|one| one.name).collect();
    let waited_for: BTreeSet<_> = stanzas
        .iter()
        .filter(|(id, binary)| triggers.contains(*binary) && !senders.contains(id))
        .map(|(id, _)| (*id).to_owned())
        .collect();
    for alarm in ["FunctionsFailAlarm", "TriggersSlowAlarm"] {
        let (_, resource) = section(&template, "Resources").find(|(id, _)| *id == alarm).unwrap();
        let mut watched = BTreeSet::new();
        references(resource, &mut watched);
        watched.remove("MfaApi");
        assert_eq!(watched, waited_for, "{alarm}");
    }
}

/// A named stage stands before the path, where the router does not look for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_no_named_stage_because_the_router_would_miss_every_route() {
    let template = template();
    let api =
        section(&template, "Resources").find(|(_, resource)| kind(resource) == "AWS::Serverless::HttpApi");
    let stage = api.unwrap().1.get("Properties").and_then(|properties| properties.get("StageName"));
    assert_eq!(stage.and_then(Value::as_str), Some("$default"));

    let cloud = Cloud::start().await.unwrap();
    let api = functions().iter().find(|function| function.name == "mfa-api").unwrap();
    let host = LambdaHost::start(vec![cloud.function(api, &binary(api.name).unwrap()).unwrap()]).unwrap();
    let mut event = cloud.signed_in_request("/mfa").await.unwrap();
    let status = async |event: &Json| {
        let answer = host.invoke(api.name, event).await.unwrap().result.unwrap();
        serde_json::from_slice::<Json>(&answer.0).unwrap()["statusCode"].clone()
    };
    assert_eq!(status(&event).await, 200);
    for pointer in ["/rawPath", "/requestContext/http/path"] {
        *event.pointer_mut(pointer).unwrap() = json!("/prod/mfa");
    }
    *event.pointer_mut("/requestContext/stage").unwrap() = json!("prod");
    assert_eq!(status(&event).await, 404);
    host.stop();
    cloud.stop().await.unwrap();
}
