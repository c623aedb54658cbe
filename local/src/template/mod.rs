//! `infra/template.yaml` as the local cloud reads it, with the stacks that it holds: the functions, the
//! HTTP API with its routes, the pool's triggers and the table. Reading it here is what keeps local and
//! deployed the same: a function or a route exists on a laptop exactly if it is deployed.

mod api;
mod intrinsics;
mod sam;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub use api::{Api, Cors, JwtAuthorizer, Route, Throttle};
pub use intrinsics::{Account, Given};
pub use sam::{Function, Output, Permission, Table};
use serde_json::{Map, Value as Json};
use serde_norway::Value;

use crate::roles::Role;

const STACK: &str = "AWS::Serverless::Application";

/// A template that was read and not yet resolved.
#[derive(Debug)]
pub struct Template {
    document: Value,
    /// Templates of the stacks in it, by logical id.
    nested: BTreeMap<String, Self>,
}

/// Why a template cannot be used here.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not YAML: {source}")]
    Syntax { path: PathBuf, source: serde_norway::Error },
    #[error("{place}: {fault}")]
    Content { place: String, fault: String },
}

impl TemplateError {
    fn content(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::Content { place: place.into(), fault: fault.into() }
    }

    /// The same, of a stack within.
    fn within(self, stack: &str) -> Self {
        match self {
            Self::Content { place, fault } => Self::Content { place: format!("{stack}: {place}"), fault },
            other => other,
        }
    }
}

/// What is deployed, with every value resolved.
#[derive(Debug, Default)]
pub struct Deployment {
    pub functions: Vec<Function>,
    pub api: Option<Api>,
    pub tables: Vec<Table>,
    /// The user pool's `LambdaConfig`.
    pub triggers: Map<String, Json>,
    /// Properties of the user pools, by logical id.
    pub user_pools: BTreeMap<String, Json>,
    /// Properties of the app clients, by logical id.
    pub app_clients: BTreeMap<String, Json>,
    /// By logical id.
    pub permissions: BTreeMap<String, Permission>,
    /// By the function's name.
    pub roles: BTreeMap<String, Role>,
    pub outputs: Vec<Output>,
}

impl Template {
    /// Reads a template and those of the stacks in it.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TemplateError::Read { path: path.to_owned(), source })?;
        let mut template =
            Self::parse(&text).map_err(|source| TemplateError::Syntax { path: path.to_owned(), source })?;
        let mut nested = BTreeMap::new();
        for (id, stack) in template.resources(STACK) {
            let location =
                stack.get("Properties").and_then(|properties| properties.get("Location")?.as_str());
            let location = location
                .ok_or_else(|| TemplateError::content(format!("Resources.{id}"), "no Location of a file"))?;
            nested.insert(id.to_owned(), Self::read(&path.with_file_name(location))?);
        }
        template.nested = nested;
        Ok(template)
    }

    /// Reads a template without the stacks in it.
    pub fn parse(text: &str) -> Result<Self, serde_norway::Error> {
        Ok(Self { document: serde_norway::from_str(text)?, nested: BTreeMap::new() })
    }

    /// Names of the functions, which are the names of their binaries.
    pub fn function_names(&self) -> BTreeSet<String> {
        self.all()
            .flat_map(|template| template.resources("AWS::Serverless::Function"))
            .filter_map(|(_, resource)| binary(resource))
            .map(str::to_owned)
            .collect()
    }

    /// Logical id and `KeyUsage` of each `AWS::KMS::Key`.
    pub fn keys(&self) -> Vec<(String, String)> {
        let usage = |resource: &Value| {
            let usage = resource.get("Properties")?.get("KeyUsage")?.as_str()?;
            Some(usage.to_owned())
        };
        self.all()
            .flat_map(|template| template.resources("AWS::KMS::Key"))
            .map(|(id, key)| (id.to_owned(), usage(key).unwrap_or_else(|| "ENCRYPT_DECRYPT".to_owned())))
            .collect()
    }

    /// Logical ids of the secrets that Secrets Manager generates.
    pub fn secrets(&self) -> Vec<String> {
        self.all()
            .flat_map(|template| template.resources("AWS::SecretsManager::Secret"))
            .filter(|(_, secret)| {
                secret.get("Properties").is_some_and(|own| own.get("GenerateSecretString").is_some())
            })
            .map(|(id, _)| id.to_owned())
            .collect()
    }

    /// Logical ids of the user pools.
    pub fn user_pools(&self) -> Vec<String> {
        let pools = self.all().flat_map(|template| template.resources("AWS::Cognito::UserPool"));
        pools.map(|(id, _)| id.to_owned()).collect()
    }

    /// Logical id and name of each app client.
    pub fn app_clients(&self) -> Vec<(String, String)> {
        let clients = self.all().flat_map(|template| template.resources("AWS::Cognito::UserPoolClient"));
        clients
            .filter_map(|(id, client)| {
                Some((id.to_owned(), client.get("Properties")?.get("ClientName")?.as_str()?.to_owned()))
            })
            .collect()
    }

    /// This template and those of the stacks in it.
    fn all(&self) -> impl Iterator<Item = &Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.nested.values());
            Some(next)
        })
    }

    /// Binary names by logical id.
    pub(crate) fn binaries(&self) -> BTreeMap<String, String> {
        self.resources("AWS::Serverless::Function")
            .filter_map(|(id, resource)| Some((id.to_owned(), binary(resource)?.to_owned())))
            .collect()
    }

    /// Every value that the local cloud needs, with `parameters` over the template's defaults; a value for
    /// a `CommaDelimitedList` is comma-separated text. Secrets that the template takes from elsewhere are
    /// added to what is `given`.
    pub fn resolve(
        &self,
        account: Account,
        parameters: &BTreeMap<String, String>,
        given: &mut Given,
    ) -> Result<Deployment, TemplateError> {
        sam::resolve(self, account, parameters, given)
    }

    /// Returns what the template's `Rules` say against `parameters`. CloudFormation deploys only what they
    /// say nothing against.
    pub fn refusals(
        &self,
        account: Account,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, TemplateError> {
        sam::refusals(self, account, parameters)
    }

    fn resources(&self, resource_type: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        self.section("Resources")
            .filter(move |(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(resource_type))
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let section = self.document.get(name).and_then(Value::as_mapping);
        section.into_iter().flatten().filter_map(|(id, value)| Some((id.as_str()?, value)))
    }
}

/// The logical id in `!Ref ID`.
fn referred(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "!Ref" => tagged.value.as_str(),
        _ => None,
    }
}

fn binary(resource: &Value) -> Option<&str> {
    resource.get("Metadata")?.get("BuildProperties")?.get("Binary")?.as_str()
}

#[cfg(test)]
mod tests;
