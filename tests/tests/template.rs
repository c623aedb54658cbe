//! Finds faults of the templates of `infra/` that CloudFormation, SAM and Lambda would find, without them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails where its own steps do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use end_to_end::{Cloud, Stack, binary, functions, stacks, workspace};
use local_lambda_host::LambdaHost;
use serde_json::{Value as Json, json};
use serde_norway::Value;
use tokio::process::Command;

const FUNCTION: &str = "AWS::Serverless::Function";

fn kind(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap()
}

fn stack(name: &str) -> Stack {
    stacks().unwrap().into_iter().find(|stack| stack.name == name).unwrap()
}

fn resource(name: &str) -> Value {
    let all = stacks().unwrap();
    let mut resources = all.iter().flat_map(|stack| stack.section("Resources"));
    resources.find(|(id, _)| *id == name).unwrap().1.clone()
}

fn property<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
    resource.get("Properties")?.get(name)
}

fn substituted(value: &Value) -> &str {
    match value {
        Value::Tagged(tagged) if tagged.tag == "!Sub" => tagged.value.as_str().unwrap(),
        other => panic!("no !Sub: {other:?}"),
    }
}

/// Returns binaries by logical id.
fn stanzas(stacks: &[Stack]) -> BTreeMap<&str, &str> {
    stacks
        .iter()
        .flat_map(|stack| stack.resources(FUNCTION))
        .map(|(id, resource)| {
            let metadata = resource.get("Metadata").unwrap();
            let binary = metadata.get("BuildProperties").and_then(|build| build.get("Binary"));
            (id, binary.and_then(Value::as_str).unwrap())
        })
        .collect()
}

/// Collects the names to which a value refers: those in `Ref`, `GetAtt` and `Sub`, in both their spellings.
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

/// Returns each resource with the resources that must exist before it. A function's alias, with its
/// deployment, is a separate resource: `PreSignUp.Alias`.
fn dependencies(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let resources = template.get("Resources").and_then(Value::as_mapping).unwrap();
    let resources = resources.iter().map(|(id, resource)| (id.as_str().unwrap(), resource));
    let resources: BTreeMap<_, _> = resources.collect();
    let known = |value: &Value| {
        let mut found = BTreeSet::new();
        references(value, &mut found);
        found.retain(|name| resources.contains_key(name.strip_suffix(".Alias").unwrap_or(name)));
        found
    };
    let globals = template.get("Globals").and_then(|globals| globals.get("Function")).cloned();
    let mut globals = globals.unwrap_or_default();
    let deployment = globals.as_mapping_mut().and_then(|all| all.remove("DeploymentPreference"));
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for (id, resource) in &resources {
        let mut own = (*resource).clone();
        // SAM makes an event a part of the API, whose routes contain the function's ARN.
        let events =
            own.get_mut("Properties").and_then(Value::as_mapping_mut).and_then(|all| all.remove("Events"));
        let needed = all.entry((*id).to_owned()).or_default();
        needed.extend(known(&own));
        if kind(resource) == FUNCTION {
            needed.extend(known(&globals));
            let alias = all.entry(format!("{id}.Alias")).or_default();
            alias.insert((*id).to_owned());
            alias.extend(deployment.iter().flat_map(&known));
        }
        for api in events.iter().flat_map(&known) {
            all.entry(api).or_default().insert(format!("{id}.Alias"));
        }
    }
    all
}

/// Returns the order of creation. If it is impossible, returns the resources that cannot be created.
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
fn the_resources_of_each_stack_can_be_created_one_after_another() {
    for stack in stacks().unwrap() {
        let aliases = stack.resources(FUNCTION).count();
        let all = stack.section("Resources").count() + aliases;
        assert_eq!(order(dependencies(&stack.template)).map(|order| order.len()), Ok(all), "{}", stack.name);
    }
}

#[test]
fn the_stacks_can_be_created_one_after_another() {
    let order = order(dependencies(&stack("template").template)).unwrap();
    let at = |name: &str| order.iter().position(|id| id == name).unwrap();
    let expected = ["Data", "Pool", "Triggers", "Api", "Protection"].map(at);
    assert!(expected.is_sorted(), "{order:?}");
}

#[test]
fn pool_and_trigger_permissions_are_in_different_stacks() {
    let cycle = "
Globals: { Function: { DeploymentPreference: { Alarms: [!Ref Alarm] } } }
Resources:
  Pool: { Type: AWS::Cognito::UserPool, Properties: { LambdaConfig: { PreSignUp: !Ref Function.Alias } } }
  Table: { Type: AWS::DynamoDB::Table }
  Alarm: { Type: AWS::CloudWatch::Alarm, Properties: { Dimensions: [{ Value: !Ref Function }] } }
  Function:
    Type: AWS::Serverless::Function
    Properties: { Environment: { Variables: { POOL: !Sub 'x/${Pool}' } }, Events: { Get: { Properties: { ApiId: !Ref Api } } } }
  Api: { Type: AWS::Serverless::HttpApi, DependsOn: Table }
";
    let stuck = |text: &str| order(dependencies(&serde_norway::from_str(text).unwrap()));
    let all = ["Alarm", "Api", "Function", "Function.Alias", "Pool"].map(str::to_owned);
    assert_eq!(stuck(cycle), Err(all.into()));
    // A function that calls another's alias is created after the alarm that guards it.
    let guarded = "
Globals: { Function: { DeploymentPreference: { Alarms: [!Ref Alarm] } } }
Resources:
  Alarm: { Type: AWS::CloudWatch::Alarm, Properties: { Dimensions: [{ Value: !Ref Caller }] } }
  Caller: { Type: AWS::Serverless::Function, Properties: { Environment: { CALLED: !Ref Called.Alias } } }
  Called: { Type: AWS::Serverless::Function }
";
    let all = ["Alarm", "Called.Alias", "Caller", "Caller.Alias"].map(str::to_owned);
    assert_eq!(stuck(guarded), Err(all.into()));
    // The form used here: the pool refers to the function by its name. The alarm watches the function and
    // guards its alias, so there is no cycle.
    let by_name = cycle.replace("!Ref Function.Alias", "'arn:function:live'");
    assert_eq!(stuck(&by_name).map(|order| order.len()), Ok(6));
}

#[test]
fn what_is_referred_to_exists_and_what_is_given_is_used() {
    let all = stacks().unwrap();
    let stanzas = stanzas(&all);
    for stack in &all {
        let mut found = BTreeSet::new();
        for part in ["Globals", "Resources", "Outputs"] {
            stack.section(part).for_each(|(_, member)| references(member, &mut found));
        }
        let known = ["Parameters", "Resources"].iter().flat_map(|part| stack.section(part));
        let mut known: BTreeSet<_> = known.map(|(id, _)| id.to_owned()).collect();
        // SAM makes a function's role and its alias.
        known.extend(stanzas.keys().flat_map(|id| [format!("{id}Role"), format!("{id}.Alias")]));
        // It makes the stage of an API, too.
        known.extend(stack.resources("AWS::Serverless::HttpApi").map(|(id, _)| format!("{id}.Stage")));
        found.retain(|name| !name.starts_with("AWS::") && !known.contains(name));
        assert_eq!(found, BTreeSet::new(), "{}", stack.name);
        let mut used = BTreeSet::new();
        references(&stack.template, &mut used);
        let idle: Vec<_> =
            stack.section("Parameters").map(|(id, _)| id).filter(|id| !used.contains(*id)).collect();
        assert_eq!(idle, Vec::<&str>::new(), "{}: parameters that nothing uses", stack.name);
    }
}

/// Outputs and parameters match, and each file is a stack.
#[test]
fn a_stack_is_given_its_parameters_and_gives_what_others_take() {
    let root = stack("template");
    let text = serde_norway::to_string(&root.template).unwrap();
    let mut files = BTreeSet::new();
    for (id, nested) in root.resources("AWS::Serverless::Application") {
        let file =
            property(nested, "Location").and_then(Value::as_str).unwrap().strip_suffix(".yaml").unwrap();
        files.insert(file.to_owned());
        let within = stack(file);
        let given = property(nested, "Parameters").and_then(Value::as_mapping).unwrap();
        let given: BTreeSet<_> = given.keys().filter_map(Value::as_str).collect();
        let asked: BTreeSet<_> = within.section("Parameters").map(|(name, _)| name).collect();
        assert_eq!(given, asked, "{file}");
        let put_out: BTreeSet<_> = within.section("Outputs").map(|(name, _)| name).collect();
        let marker = format!("{id}.Outputs.");
        let name = |rest: &str| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap().to_owned();
        let taken: BTreeSet<_> = text.split(&marker).skip(1).map(name).collect();
        assert_eq!(taken.iter().map(String::as_str).collect::<BTreeSet<_>>(), put_out, "{file}");
    }
    files.insert("template".to_owned());
    assert_eq!(files, stacks().unwrap().into_iter().map(|stack| stack.name).collect());
}

/// The local cloud knows a resource by its logical id alone.
#[test]
fn a_logical_id_is_one_resources_in_all_stacks() {
    let all = stacks().unwrap();
    let mut ids: Vec<_> = all.iter().flat_map(|stack| stack.section("Resources")).map(|(id, _)| id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    // One id is used twice: the stack `Api` holds the HTTP API `Api`.
    assert_eq!(count - ids.len(), 1, "{ids:?}");
}

#[test]
fn every_function_has_a_resource_and_every_trigger_an_output() {
    let all = stacks().unwrap();
    let stanzas = stanzas(&all);
    let binaries: BTreeSet<_> = stanzas.values().copied().collect();
    let listed: BTreeSet<_> = functions().iter().map(|function| function.name).collect();
    assert_eq!(binaries, listed);
    for (id, binary) in &stanzas {
        let words = binary.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        assert_eq!(*id, words.collect::<String>());
        let function = resource(id);
        // The pool refers to the function by this name.
        assert_eq!(
            substituted(property(&function, "FunctionName").unwrap()),
            format!("${{FunctionPrefix}}{binary}")
        );
        // Without this setting a changed variable would not reach the alias.
        assert_eq!(property(&function, "AutoPublishAliasAllProperties"), Some(&Value::Bool(true)), "{id}");
        let mut revision = BTreeSet::new();
        references(property(&function, "AutoPublishCodeSha256").unwrap(), &mut revision);
        assert_eq!(revision, BTreeSet::from(["Revision".to_owned()]), "{id}");
    }
    let mut attached = BTreeMap::new();
    for (key, output) in stack("template").section("Outputs") {
        let Some(trigger) = key.strip_prefix("Trigger") else { continue };
        let Some(Value::Tagged(value)) = output.get("Value") else { panic!("{key}") };
        let id = value.value.as_str().unwrap().strip_prefix("Triggers.Outputs.").unwrap();
        assert_eq!(trigger.to_lowercase(), id.to_lowercase());
        attached.insert(trigger.to_owned(), stanzas[id]);
    }
    let triggers: BTreeSet<_> =
        functions().iter().filter(|function| function.is_trigger).map(|function| function.name).collect();
    assert_eq!(
        attached.values().copied().collect::<BTreeSet<_>>(),
        triggers,
        "`attach` wires what has an output"
    );

    // The stack's own pool is wired to the same functions, by the alias that gradual deployments move.
    let pool = resource("UserPool");
    let config = property(&pool, "LambdaConfig").and_then(Value::as_mapping).unwrap();
    let mut wired = BTreeMap::new();
    for (member, value) in config {
        let member = member.as_str().unwrap();
        let arn = value.get("LambdaArn").unwrap_or(value);
        if member == "KMSKeyID" {
            continue;
        }
        let arn = substituted(arn);
        let expected =
            "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionPrefix}";
        let name = arn.strip_prefix(expected).and_then(|name| name.strip_suffix(":live")).unwrap();
        let member = member.strip_suffix("Config").unwrap_or(member);
        assert_eq!(*wired.entry(member.to_owned()).or_insert(name), name, "{member}");
    }
    assert_eq!(wired, attached);
}

/// Cognito may call the alias only, and for this pool of this account only.
#[test]
fn cognito_may_call_every_trigger_by_its_alias() {
    let triggers = stack("triggers");
    let permissions = triggers.resources("AWS::Lambda::Permission");
    let permitted: BTreeSet<_> = permissions
        .map(|(id, permission)| {
            assert_eq!(
                property(permission, "Principal").and_then(Value::as_str),
                Some("cognito-idp.amazonaws.com")
            );
            assert!(property(permission, "SourceAccount").is_some(), "{id}");
            let source = substituted(property(permission, "SourceArn").unwrap());
            assert!(source.ends_with(":${AWS::AccountId}:userpool/${UserPoolId}"), "{id}: {source}");
            let Some(Value::Tagged(function)) = property(permission, "FunctionName") else { panic!("{id}") };
            function.value.as_str().unwrap().strip_suffix(".Alias").unwrap().to_owned()
        })
        .collect();
    let all = stacks().unwrap();
    let stanzas = stanzas(&all);
    let is_trigger = |binary: &str| functions().iter().any(|one| one.is_trigger && one.name == binary);
    let triggers = stanzas.iter().filter(|(_, binary)| is_trigger(binary)).map(|(id, _)| (*id).to_owned());
    assert_eq!(permitted, triggers.collect());
}

/// A code that waited for its whole lifetime is not sent any more. An event that AWS still repeats is no dead
/// letter.
#[test]
fn a_queued_code_lives_as_long_as_the_sign_in_that_asked_for_it() {
    let seconds = |id: &str| {
        let function = resource(id);
        let age = property(&function, "EventInvokeConfig")
            .and_then(|config| config.get("MaximumEventAgeInSeconds"));
        age.and_then(Value::as_u64).unwrap()
    };
    for client in ["NativeClient", "CustomClient"] {
        let client = resource(client);
        let minutes = property(&client, "AuthSessionValidity").and_then(Value::as_u64).unwrap();
        assert_eq!([seconds("CustomSmsSender"), seconds("CustomEmailSender")], [minutes * 60; 2]);
    }
    let code_seconds = mfa_core::config::Policy::default().custom_auth.code_seconds;
    assert_eq!(seconds("Deliver"), u64::from(code_seconds));
}

/// The resources are those of the table in docs/operators/deploy.md, "What a deleted stack leaves". All other
/// resources are deleted with their stack.
#[test]
fn users_clients_keys_and_the_table_outlive_their_stack() {
    let text = fs::read_to_string(workspace().join("docs/operators/deploy.md")).unwrap();
    let (_, section) = text.split_once("## What a deleted stack leaves").unwrap();
    let documented: BTreeMap<_, _> = section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            let ids = cells[0].split(", ").map(|id| id.trim_matches('`').to_owned());
            Some(ids.map(|id| (id, cells[2].to_owned())).collect::<Vec<_>>())
        })
        .flatten()
        .collect();

    let all = stacks().unwrap();
    let mut kept = BTreeMap::new();
    for (id, resource) in all.iter().flat_map(|stack| stack.section("Resources")) {
        let policy = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or("Delete");
        let after_failure = match policy("DeletionPolicy") {
            "Retain" => "stays",
            "RetainExceptOnCreate" => "goes",
            _ => {
                assert_eq!(policy("UpdateReplacePolicy"), "Delete", "{id}");
                continue;
            }
        };
        assert_eq!(policy("UpdateReplacePolicy"), "Retain", "{id}");
        kept.insert(id.to_owned(), after_failure.to_owned());
    }
    assert_eq!(kept, documented);

    let lasting = [
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::KMS::Key",
        "AWS::DynamoDB::Table",
        "AWS::SecretsManager::Secret",
    ];
    // These are made again from retained resources: the recovery client's own secret, and the secret that
    // CloudFront sends to the functions.
    let again = ["RecoverySecret", "OriginSecret"];
    for (id, resource) in all.iter().flat_map(|stack| stack.section("Resources")) {
        let lasts = lasting.contains(&kind(resource)) && !again.contains(&id);
        assert!(!lasts || kept.contains_key(id), "{id} would be lost");
    }
}

/// Each function gets only the secrets that it uses. With the last one the public API could make its own
/// mailed codes.
#[test]
fn a_function_is_given_the_secrets_of_its_purpose() {
    let all = stacks().unwrap();
    let given = |secret: &str| -> Vec<&str> {
        let name = format!("{{{{resolve:secretsmanager:${{{secret}}}}}}}");
        let functions = all.iter().flat_map(|stack| stack.resources(FUNCTION));
        let mut given: Vec<_> = functions
            .filter(|(_, function)| {
                let variables =
                    property(function, "Environment").and_then(|environment| environment.get("Variables"));
                let variables = variables.and_then(Value::as_mapping).into_iter().flatten();
                variables.into_iter().any(|(_, value)| match value {
                    Value::Tagged(tagged) => tagged.value.as_str() == Some(name.as_str()),
                    _ => false,
                })
            })
            .map(|(id, _)| id)
            .collect();
        given.sort_unstable();
        given
    };
    let challenges =
        ["CreateAuthChallenge", "Deliver", "MfaApi", "RecoveryWorker", "VerifyAuthChallengeResponse"];
    assert_eq!(given("ChallengeKey"), challenges);
    assert_eq!(given("RecoveryKey"), ["Deliver", "RecoveryWorker"]);
    assert_eq!(given("HashKey").len(), 11);
    assert!(!given("HashKey").contains(&"VerifyAuthChallengeResponse"));
}

/// A setting for laptops must be no default: a page on localhost could call a deployed API.
#[test]
fn by_default_no_page_may_call_the_api() {
    let parameter =
        |name: &str| stack("template").section("Parameters").find(|(id, _)| *id == name).unwrap().1.clone();
    assert_eq!(parameter("AllowedOrigins").get("Default").and_then(Value::as_str), Some(""));
    let api = resource("Api");
    let origins = property(&api, "CorsConfiguration").and_then(|cors| cors.get("AllowOrigins")).unwrap();
    let Value::Tagged(chosen) = origins else { panic!("{origins:?}") };
    assert_eq!(chosen.tag, "!If");
    assert_eq!(chosen.value[0].as_str(), Some("HasOrigins"));
    assert_eq!(chosen.value[2][0].as_str(), Some("https://none.invalid"));
}

/// An authorizer refuses preflights, which have no token. API Gateway itself answers those that no route
/// takes.
#[test]
fn no_route_takes_the_preflight_of_a_browser() {
    let all = stacks().unwrap();
    let events = all.iter().flat_map(|stack| stack.resources(FUNCTION)).filter_map(|(id, function)| {
        let events = property(function, "Events")?.as_mapping()?;
        Some(events.iter().map(move |(name, event)| (id, name, event.get("Properties").unwrap())))
    });
    let mut methods = BTreeSet::new();
    for (id, name, route) in events.flatten() {
        let Some(method) = route.get("Method").and_then(Value::as_str) else { continue };
        let path = route.get("Path").and_then(Value::as_str).unwrap();
        assert!(!["ANY", "OPTIONS", "*"].contains(&method) && path != "$default", "{id}: {name:?}");
        if path == "/{proxy+}" {
            methods.insert(method);
        }
    }
    assert_eq!(methods, BTreeSet::from(["DELETE", "GET", "PATCH", "POST", "PUT"]), "unknown paths");
}

/// No concurrency is reserved by default: AWS refuses a reservation that leaves less than 100 to an account's
/// other functions.
#[test]
fn the_public_functions_can_have_a_limit_of_their_own() {
    let root = stack("template");
    for id in ["RecoveryApi", "RecoveryWorker"] {
        let name = format!("{id}Concurrency");
        let (_, parameter) = root.section("Parameters").find(|(one, _)| *one == name).unwrap();
        assert_eq!(parameter.get("Default").and_then(Value::as_str), Some(""), "{name}");
        let function = resource(id);
        let reserved = property(&function, "ReservedConcurrentExecutions").unwrap();
        let Value::Tagged(chosen) = reserved else { panic!("{id}: {reserved:?}") };
        assert_eq!(chosen.value[0].as_str(), Some(format!("Limits{id}").as_str()));
        let mut found = BTreeSet::new();
        references(reserved, &mut found);
        assert!(found.contains(&name) && found.contains("AWS::NoValue"), "{id}: {found:?}");
    }
}

#[tokio::test]
async fn a_function_reads_exactly_its_template_variables() {
    // This policy gives each function some work.
    let overrides = tempfile::tempdir().unwrap();
    let policy = "[sign_up.unique]\nemail = true\n[sign_in]\nenforce = true\n";
    fs::write(overrides.path().join("policy.toml"), policy).unwrap();
    let cloud = Cloud::start().await.unwrap();
    for function in functions() {
        let path = format!("/2015-03-31/functions/{}/configuration", function.name);
        let configuration = cloud.request("lambda", "GET", &path, String::new()).await.unwrap();
        let mut given: BTreeMap<String, String> =
            serde_json::from_value(configuration["Environment"]["Variables"].clone()).unwrap();
        // Lambda sets these. The endpoints are the local cloud's.
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

/// Returns the variables that a function requests from its environment, according to its log.
async fn asked_for(binary: &Path, given: &BTreeMap<String, String>) -> BTreeSet<String> {
    let output = Command::new(binary)
        .env_clear()
        .envs(given)
        .env("LOG_LEVEL", "debug")
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "a")])
        // No process listens there: the function ends when it asks for its first event.
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
    let dashboard = resource("Dashboard");
    let body = substituted(property(&dashboard, "DashboardBody").unwrap());
    let body: Json = serde_json::from_str(body).expect("CloudWatch takes nothing but JSON");
    let widgets = body["widgets"].as_array().unwrap();
    let shown = |metric: &str| -> BTreeSet<String> {
        let metrics = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
        let of_lambda = metrics.filter(|one| one[0] == "AWS/Lambda" && one[1] == metric);
        of_lambda.map(|one| one[3].as_str().unwrap().replace("${FunctionPrefix}", "")).collect()
    };
    let functions: BTreeSet<_> = functions().iter().map(|function| function.name.to_owned()).collect();
    assert_eq!(shown("Errors"), functions);
}

#[test]
fn every_alarm_says_what_it_means_and_has_a_line_in_the_runbook() {
    let runbook = fs::read_to_string(workspace().join("docs/operators/alarms.md")).unwrap();
    let (_, alarms) = runbook.split_once("## Alarms").unwrap();
    let (alarms, _) = alarms.split_once("\n## ").unwrap();
    let lines: BTreeSet<_> = alarms
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
        .flat_map(|cell| cell.split(['`', ',', ' ']).filter(|name| !name.is_empty()))
        .collect();
    let all = stacks().unwrap();
    let alarms = all.iter().flat_map(|stack| stack.resources("AWS::CloudWatch::Alarm"));
    let documented: BTreeSet<_> = alarms
        .map(|(id, alarm)| {
            let described = alarm.get("Properties").and_then(|properties| properties.get("AlarmDescription"));
            assert!(described.and_then(Value::as_str).is_some_and(|text| text.len() > 20), "{id}");
            id
        })
        .collect();
    assert_eq!(lines, documented);
}

/// Returns the functions whose metrics an alarm has, by binary.
fn watched(alarm: &Value) -> BTreeSet<String> {
    let metrics = property(alarm, "Metrics").and_then(Value::as_sequence).unwrap();
    let metrics =
        metrics.iter().filter_map(|metric| metric.get("MetricStat")?.get("Metric")?.get("Dimensions"));
    metrics
        .map(|dimensions| substituted(dimensions[0].get("Value").unwrap()))
        .map(|name| name.strip_prefix("${FunctionPrefix}").unwrap().to_owned())
        .collect()
}

#[test]
fn every_synchronous_function_has_an_alarm_that_rolls_back() {
    // Cognito does not wait for these. Their failed events go to a queue with an alarm, and the scheduled one
    // has its own alarm.
    let alone = ["CustomSmsSender", "CustomEmailSender", "Deliver", "ReconcileClaims"];
    for (name, alarms) in
        [("triggers", &["FunctionsFailAlarm", "TriggersSlowAlarm"][..]), ("api", &["ApiFunctionsFailAlarm"])]
    {
        let stack = stack(name);
        let own = std::slice::from_ref(&stack);
        let waited_for = stanzas(own).into_iter().filter(|(id, _)| !alone.contains(id));
        let waited_for: BTreeSet<_> = waited_for.map(|(_, binary)| binary.to_owned()).collect();
        for alarm in alarms {
            assert_eq!(watched(&resource(alarm)), waited_for, "{alarm}");
        }
        let (_, globals) = stack.section("Globals").find(|(id, _)| *id == "Function").unwrap();
        let mut guards = BTreeSet::new();
        references(globals.get("DeploymentPreference").unwrap().get("Alarms").unwrap(), &mut guards);
        assert_eq!(guards, alarms.iter().map(|alarm| (*alarm).to_owned()).collect(), "{name}");
    }
}

/// The OpenAPI document has exactly the API's routes, with or without the authorizer.
#[test]
fn the_openapi_document_has_the_routes_of_the_template() {
    let text = fs::read_to_string(workspace().join("infra/openapi.json")).unwrap();
    let document: Json = serde_json::from_str(&text).unwrap();
    let documented: BTreeMap<_, _> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation["security"] == json!([]))
            })
        })
        .collect();
    let function = resource("MfaApi");
    let events = property(&function, "Events").unwrap();
    let deployed: BTreeMap<_, _> = events
        .as_mapping()
        .unwrap()
        .values()
        .map(|event| event.get("Properties").unwrap())
        .map(|route| (route, |name: &str| route.get(name).and_then(Value::as_str).unwrap()))
        .filter(|(_, member)| member("Path") != "/{proxy+}")
        .map(|(route, member)| {
            let authorizer = route.get("Auth").and_then(|auth| auth.get("Authorizer")).unwrap();
            (format!("{} {}", member("Method"), member("Path")), authorizer.as_str() == Some("NONE"))
        })
        .collect();
    assert_eq!(documented, deployed, "route and whether it is open");
}

/// A named stage precedes the path. Functions use the route that API Gateway chose.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_does_not_choose_a_route() {
    let templates = stack("api");
    let (_, api) = templates.resources("AWS::Serverless::HttpApi").next().unwrap();
    assert_eq!(property(api, "StageName").and_then(Value::as_str), Some("$default"));

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
    assert_eq!(status(&event).await, 200);
    *event.pointer_mut("/requestContext/routeKey").unwrap() = json!("GET /other");
    assert_eq!(status(&event).await, 404);
    host.stop();
    cloud.stop().await.unwrap();
}

/// Dead letters are whole events, with sealed codes and addresses in them.
#[test]
fn dead_letters_are_encrypted_and_expire_after_a_day() {
    let queue = resource("UndeliveredEvents");
    assert_eq!(property(&queue, "SqsManagedSseEnabled"), Some(&Value::Bool(true)));
    assert_eq!(property(&queue, "MessageRetentionPeriod").and_then(Value::as_u64), Some(86_400));
    for id in ["CustomSmsSender", "CustomEmailSender", "Deliver"] {
        let mut to = BTreeSet::new();
        references(property(&resource(id), "DeadLetterQueue").unwrap(), &mut to);
        assert_eq!(to, BTreeSet::from(["UndeliveredEventsArn".to_owned()]), "{id}");
    }
}
