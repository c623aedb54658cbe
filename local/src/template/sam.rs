//! The SAM resources that the local cloud runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use serde_norway::Value as Yaml;

use super::api::api;
use super::intrinsics::{Scope, alias, text_of};
use super::{Account, Deployment, Given, STACK, Template, TemplateError, binary, referred};
use crate::roles::Role;

/// An `AWS::Serverless::Function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name of its binary, and of the function.
    pub name: String,
    /// The alias that its newest version has.
    pub alias: Option<String>,
    pub environment: BTreeMap<String, String>,
    pub memory_mb: u32,
    pub timeout: Duration,
}

/// An `AWS::DynamoDB::Table`: its name and its properties as `CreateTable` takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: String,
    pub create: Json,
    /// The attribute of `TimeToLiveSpecification`.
    pub ttl_attribute: Option<String>,
}

/// An `AWS::Lambda::Permission`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    pub function_name: Option<String>,
    pub action: String,
    pub principal: String,
    pub source_account: Option<String>,
    pub source_arn: Option<String>,
}

/// One of the stack's outputs, in the words of `DescribeStacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    pub output_key: String,
    pub output_value: String,
}

/// Lambda's own defaults (128 MB, 3 s).
const DEFAULT_MEMORY_MB: u32 = 128;
const DEFAULT_TIMEOUT_S: u64 = 3;

pub(super) fn resolve(
    template: &Template,
    account: Account,
    parameters: &BTreeMap<String, String>,
    given: &mut Given,
) -> Result<Deployment, TemplateError> {
    let mut scope = Scope::new(template, account, parameters, given)?;
    let mut deployment = Deployment::default();
    nested(template, &mut scope, account, given, &mut deployment)?;
    let globals = template.document.get("Globals").and_then(|globals| globals.get("Function"));
    let mut events = Vec::new();
    for (id, resource) in present(template, &scope, "AWS::Serverless::Function")? {
        let name = binary(resource).ok_or_else(|| {
            TemplateError::content(format!("Resources.{id}"), "no Metadata.BuildProperties.Binary")
        })?;
        let place = format!("Resources.{id}.Properties");
        let properties = resource.get("Properties");
        let mut function = function(&scope, name, globals, properties, &place)?;
        function.alias = alias(template, resource).map(str::to_owned);
        deployment.functions.push(function);
        if let Some(Yaml::Mapping(own)) = properties.and_then(|properties| properties.get("Events")) {
            events.extend(own.values().map(|event| (name.to_owned(), event, format!("{place}.Events"))));
        }
    }
    if let Some(api) = api(template, &scope, &events)?
        && deployment.api.replace(api).is_some()
    {
        return Err(TemplateError::content("Resources", "more than one AWS::Serverless::HttpApi"));
    }
    deployment.tables.extend(tables(template, &scope)?);
    deployment.permissions.extend(permissions(template, &scope)?);
    deployment.triggers.extend(triggers(template, &scope)?);
    deployment.user_pools.extend(properties(template, &scope, "AWS::Cognito::UserPool")?);
    deployment.app_clients.extend(properties(template, &scope, "AWS::Cognito::UserPoolClient")?);
    deployment.roles.extend(roles(template, &scope)?);
    deployment.outputs = outputs(template, &scope)?;
    secrets(template, &scope, given)?;
    Ok(deployment)
}

/// The stacks within, each when those are there whose outputs it is given.
fn nested(
    template: &Template,
    scope: &mut Scope,
    account: Account,
    given: &mut Given,
    deployment: &mut Deployment,
) -> Result<(), TemplateError> {
    let mut waiting = present(template, scope, STACK)?;
    while !waiting.is_empty() {
        let mut later = Vec::new();
        let mut fault = None;
        let before = waiting.len();
        for (id, resource) in waiting {
            let place = format!("Resources.{id}.Properties.Parameters");
            let asked = resource.get("Properties").and_then(|properties| properties.get("Parameters"));
            let parameters = match asked.map(|asked| scope.resolve(asked, &place)).transpose() {
                Ok(parameters) => parameters.flatten().unwrap_or_default(),
                Err(error) => {
                    fault.get_or_insert(error);
                    later.push((id, resource));
                    continue;
                }
            };
            let parameters = parameters.as_object().into_iter().flatten();
            let parameters = parameters.map(|(name, value)| (name.clone(), text_of(value))).collect();
            let stack = template.nested.get(id);
            let stack = stack.ok_or_else(|| TemplateError::content(&place, "its template was not read"))?;
            let within = stack.resolve(account, &parameters, given).map_err(|error| error.within(id))?;
            for output in &within.outputs {
                scope.attribute(id, &format!("Outputs.{}", output.output_key), &output.output_value);
            }
            deployment.functions.extend(within.functions);
            deployment.tables.extend(within.tables);
            deployment.permissions.extend(within.permissions);
            deployment.triggers.extend(within.triggers);
            deployment.user_pools.extend(within.user_pools);
            deployment.app_clients.extend(within.app_clients);
            deployment.roles.extend(within.roles);
            deployment.api = deployment.api.take().or(within.api);
        }
        if let Some(fault) = fault.filter(|_| later.len() == before) {
            return Err(fault);
        }
        waiting = later;
    }
    Ok(())
}

/// The resources of a type, those aside whose condition does not hold.
pub(super) fn present<'a>(
    template: &'a Template,
    scope: &Scope,
    resource_type: &'static str,
) -> Result<Vec<(&'a str, &'a Yaml)>, TemplateError> {
    let mut present = Vec::new();
    for (id, resource) in template.resources(resource_type) {
        if scope.has(resource, &format!("Resources.{id}"))? {
            present.push((id, resource));
        }
    }
    Ok(present)
}

/// Returns what the rules of the template say against the parameters.
pub(super) fn refusals(
    template: &Template,
    account: Account,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<String>, TemplateError> {
    let scope = Scope::new(template, account, parameters, &Given::default())?;
    let mut refusals = Vec::new();
    for (name, rule) in template.section("Rules") {
        let place = format!("Rules.{name}");
        let condition = rule.get("RuleCondition");
        if !condition.map_or(Ok(true), |condition| scope.condition(condition, &place))? {
            continue;
        }
        for assertion in rule.get("Assertions").and_then(Yaml::as_sequence).into_iter().flatten() {
            let assert = assertion.get("Assert");
            let assert = assert.ok_or_else(|| TemplateError::content(&place, "an assertion of nothing"))?;
            if !scope.condition(assert, &place)? {
                let text = assertion.get("AssertDescription").and_then(Yaml::as_str);
                refusals.push(text.unwrap_or(name).to_owned());
            }
        }
    }
    Ok(refusals)
}

/// The resolved properties of the resources of a type, by logical id.
fn properties(
    template: &Template,
    scope: &Scope,
    resource_type: &'static str,
) -> Result<BTreeMap<String, Json>, TemplateError> {
    let mut all = BTreeMap::new();
    for (id, resource) in present(template, scope, resource_type)? {
        let own = match resource.get("Properties") {
            Some(own) => scope.resolve(own, &format!("Resources.{id}.Properties"))?.unwrap_or_default(),
            None => Json::default(),
        };
        all.insert(id.to_owned(), own);
    }
    Ok(all)
}

fn triggers(template: &Template, scope: &Scope) -> Result<Map<String, Json>, TemplateError> {
    let mut triggers = Map::new();
    for (id, pool) in present(template, scope, "AWS::Cognito::UserPool")? {
        let Some(config) = pool.get("Properties").and_then(|properties| properties.get("LambdaConfig"))
        else {
            continue;
        };
        let place = format!("Resources.{id}.Properties.LambdaConfig");
        if let Some(Json::Object(config)) = scope.resolve(config, &place)? {
            triggers.extend(config);
        }
    }
    Ok(triggers)
}

/// What each function's role allows, by the function's name. A policy that a stack attaches on a condition counts:
/// here the operator's settings are read by the functions alone.
fn roles(template: &Template, scope: &Scope) -> Result<BTreeMap<String, Role>, TemplateError> {
    let mut roles = BTreeMap::<_, Role>::new();
    let mut add = |function: &str, policy: &Yaml, place: &str| {
        let document = scope.resolve(policy, place)?.unwrap_or_default();
        let role = roles.entry(function.to_owned()).or_default();
        role.add(&document).map_err(|fault| TemplateError::content(place, fault))
    };
    for (id, function) in template.resources("AWS::Serverless::Function") {
        let Some(name) = binary(function) else { continue };
        let place = format!("Resources.{id}.Properties.Policies");
        let policies = function.get("Properties").and_then(|properties| properties.get("Policies"));
        for policy in policies.and_then(Yaml::as_sequence).into_iter().flatten() {
            add(name, policy, &place)?;
        }
    }
    for (id, policy) in template.resources("AWS::IAM::Policy") {
        let place = format!("Resources.{id}.Properties.PolicyDocument");
        let part = |name| policy.get("Properties").and_then(|properties| properties.get(name));
        for name in part("Roles").and_then(Yaml::as_sequence).into_iter().flatten() {
            // SAM calls a function's role by the function's id.
            let function = referred(name)
                .and_then(|role| template.document.get("Resources")?.get(role.strip_suffix("Role")?))
                .and_then(binary)
                .ok_or_else(|| TemplateError::content(&place, "the role of no function"))?;
            add(function, part("PolicyDocument").unwrap_or(&Yaml::Null), &place)?;
        }
    }
    Ok(roles)
}

/// Those whose text is something else's, such as an app client's secret.
fn secrets(template: &Template, scope: &Scope, given: &mut Given) -> Result<(), TemplateError> {
    for (id, secret) in present(template, scope, "AWS::SecretsManager::Secret")? {
        if let Some(text) = secret.get("Properties").and_then(|properties| properties.get("SecretString")) {
            let text = scope.resolve(text, &format!("Resources.{id}.Properties.SecretString"))?;
            given.secret(id, &text.as_ref().map(text_of).unwrap_or_default());
        }
    }
    Ok(())
}

fn permissions(template: &Template, scope: &Scope) -> Result<BTreeMap<String, Permission>, TemplateError> {
    let resources = present(template, scope, "AWS::Lambda::Permission")?;
    resources
        .into_iter()
        .map(|(id, resource)| {
            let place = format!("Resources.{id}.Properties");
            let properties = resource.get("Properties").unwrap_or(&Yaml::Null);
            Ok((id.to_owned(), typed(scope, properties, &place)?))
        })
        .collect()
}

fn outputs(template: &Template, scope: &Scope) -> Result<Vec<Output>, TemplateError> {
    let mut resolved = Vec::new();
    for (key, output) in template.section("Outputs") {
        let place = format!("Outputs.{key}");
        if scope.has(output, &place)? {
            let value = output.get("Value").ok_or_else(|| TemplateError::content(&place, "no Value"))?;
            let value = scope.resolve(value, &place)?.as_ref().map(text_of).unwrap_or_default();
            resolved.push(Output { output_key: key.to_owned(), output_value: value });
        }
    }
    Ok(resolved)
}

fn function(
    scope: &Scope,
    name: &str,
    globals: Option<&Yaml>,
    properties: Option<&Yaml>,
    place: &str,
) -> Result<Function, TemplateError> {
    // A function's own property wins over the global one; variables are merged.
    let property = |name: &str| {
        let own = properties.and_then(|properties| properties.get(name));
        own.or_else(|| globals.and_then(|globals| globals.get(name)))
    };
    let number = |name: &str| -> Result<Option<u64>, TemplateError> {
        let Some(value) = property(name) else {
            return Ok(None);
        };
        Ok(scope.resolve(value, place)?.and_then(|value| text_of(&value).parse().ok()))
    };
    let mut environment = BTreeMap::new();
    for source in [globals, properties].into_iter().flatten() {
        let Some(variables) = source.get("Environment").and_then(|environment| environment.get("Variables"))
        else {
            continue;
        };
        if let Some(Json::Object(variables)) = scope.resolve(variables, &format!("{place}.Environment"))? {
            for (name, value) in variables {
                environment.insert(name, scope.dereference(text_of(&value), place)?);
            }
        }
    }
    if let Some(own) = property("FunctionName") {
        let own = scope.resolve(own, place)?.as_ref().map(text_of).unwrap_or_default();
        if own != name {
            let fault = format!("the function is called {own}, and its binary {name}");
            return Err(TemplateError::content(place, fault));
        }
    }
    let memory_mb = number("MemorySize")?.and_then(|size| u32::try_from(size).ok());
    Ok(Function {
        name: name.to_owned(),
        alias: None,
        environment,
        memory_mb: memory_mb.unwrap_or(DEFAULT_MEMORY_MB),
        timeout: Duration::from_secs(number("Timeout")?.unwrap_or(DEFAULT_TIMEOUT_S)),
    })
}

/// What `CreateTable` takes of an `AWS::DynamoDB::Table`.
const CREATE_TABLE: [&str; 6] = [
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "StreamSpecification",
];

fn tables(template: &Template, scope: &Scope) -> Result<Vec<Table>, TemplateError> {
    let resources = present(template, scope, "AWS::DynamoDB::Table")?;
    resources
        .into_iter()
        .map(|(id, resource)| {
            let place = format!("Resources.{id}.Properties");
            let own = match resource.get("Properties") {
                Some(properties) => scope.resolve(properties, &place)?.unwrap_or_default(),
                None => Json::default(),
            };
            let name = own.get("TableName").map_or_else(|| id.to_owned(), text_of);
            let mut create = Map::new();
            create.insert("TableName".to_owned(), Json::String(name.clone()));
            for member in CREATE_TABLE {
                if let Some(value) = own.get(member) {
                    create.insert(member.to_owned(), value.clone());
                }
            }
            let ttl_attribute = own.pointer("/TimeToLiveSpecification/AttributeName").map(text_of);
            Ok(Table { name, create: Json::Object(create), ttl_attribute })
        })
        .collect()
}

pub(super) fn typed<T: DeserializeOwned>(
    scope: &Scope,
    value: &Yaml,
    place: &str,
) -> Result<T, TemplateError> {
    let resolved = scope.resolve(value, place)?.unwrap_or_default();
    serde_json::from_value(resolved).map_err(|error| TemplateError::content(place, error.to_string()))
}
