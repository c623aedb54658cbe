//! `infra/template.yaml` as the local cloud reads it: the functions, the HTTP API with its routes
//! and the table. Reading it here is what keeps local and deployed the same: a function or a route
//! exists on a laptop exactly if it is deployed.

mod intrinsics;
mod sam;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub use intrinsics::Scope;
pub use sam::{Api, Cors, Function, JwtAuthorizer, Output, Permission, Route, Table, Throttle};
use serde_norway::Value;

/// A template that was read and not yet resolved.
#[derive(Debug)]
pub struct Template {
    document: Value,
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
}

/// What is deployed, with every value resolved.
#[derive(Debug)]
pub struct Deployment {
    pub functions: Vec<Function>,
    pub api: Option<Api>,
    pub tables: Vec<Table>,
    /// By logical id.
    pub permissions: BTreeMap<String, Permission>,
    pub outputs: Vec<Output>,
}

impl Template {
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TemplateError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| TemplateError::Syntax { path: path.to_owned(), source })
    }

    pub fn parse(text: &str) -> Result<Self, serde_norway::Error> {
        Ok(Self { document: serde_norway::from_str(text)? })
    }

    /// Names of the functions, which are the names of their binaries.
    pub fn function_names(&self) -> BTreeSet<String> {
        self.resources("AWS::Serverless::Function")
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
        self.resources("AWS::KMS::Key")
            .map(|(id, key)| (id.to_owned(), usage(key).unwrap_or_else(|| "ENCRYPT_DECRYPT".to_owned())))
            .collect()
    }

    /// Logical ids of the keys whose ARN an output gives: those that something outside the stack is to use.
    pub fn keys_given_out(&self) -> Result<Vec<String>, TemplateError> {
        let mut scope = Scope::new(self, "", "", &BTreeMap::new())?;
        let keys: Vec<_> = self.resources("AWS::KMS::Key").map(|(id, _)| id.to_owned()).collect();
        for id in &keys {
            scope.attribute(id, "Arn", id);
        }
        // An output that needs what is not there yet is not a key's.
        let outputs: Vec<_> = self
            .section("Outputs")
            .filter_map(|(name, output)| scope.resolve(output.get("Value")?, name).ok().flatten())
            .collect();
        let is_given_out = |id: &String| outputs.iter().any(|value| value.as_str() == Some(id));
        Ok(keys.into_iter().filter(is_given_out).collect())
    }

    /// Logical ids of the secrets that Secrets Manager generates.
    pub fn secrets(&self) -> Vec<String> {
        self.resources("AWS::SecretsManager::Secret").map(|(id, _)| id.to_owned()).collect()
    }

    /// Binary names by logical id.
    pub(crate) fn binaries(&self) -> BTreeMap<String, String> {
        self.resources("AWS::Serverless::Function")
            .filter_map(|(id, resource)| Some((id.to_owned(), binary(resource)?.to_owned())))
            .collect()
    }

    /// Every value that the local cloud needs, resolved in `scope`.
    pub fn resolve(&self, scope: &Scope) -> Result<Deployment, TemplateError> {
        sam::resolve(self, scope)
    }

    fn resources<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.section("Resources")
            .filter(move |(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(resource_type))
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let section = self.document.get(name).and_then(Value::as_mapping);
        section.into_iter().flatten().filter_map(|(id, value)| Some((id.as_str()?, value)))
    }
}

fn binary(resource: &Value) -> Option<&str> {
    resource.get("Metadata")?.get("BuildProperties")?.get("Binary")?.as_str()
}

#[cfg(test)]
mod tests;
