//! The templates of `infra/`, as they are written.

use std::fs;

use anyhow::{Context as _, Result};
use serde_norway::Value;

use crate::functions::workspace;

/// The root template, or the template of a stack in it.
#[derive(Debug)]
pub struct Stack {
    /// The file's name without its extension. `template` is the root.
    pub name: String,
    pub template: Value,
}

/// Returns every template of `infra/`, by name.
pub fn stacks() -> Result<Vec<Stack>> {
    let mut stacks = Vec::new();
    for entry in fs::read_dir(workspace().join("infra"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".yaml").filter(|name| !name.starts_with('.')) else { continue };
        let template = serde_norway::from_str(&fs::read_to_string(&path)?)
            .with_context(|| path.display().to_string())?;
        stacks.push(Stack { name: name.to_owned(), template });
    }
    stacks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(stacks)
}

impl Stack {
    /// Returns the members of a section, by logical id. Empty if the section is absent.
    pub fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let members = self.template.get(name).and_then(Value::as_mapping);
        members.into_iter().flatten().filter_map(|(id, value)| Some((id.as_str()?, value)))
    }

    /// Returns the resources of a type.
    pub fn resources(&self, resource_type: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.section("Resources")
            .filter(move |(_, one)| one.get("Type").and_then(Value::as_str) == Some(resource_type))
    }
}
