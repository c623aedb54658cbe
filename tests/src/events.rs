use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::functions::{Function, workspace};

/// One file of `events/`.
#[derive(Debug, Clone)]
pub struct SampleEvent {
    /// The file's name without `.json`, such as `PreSignUp_SignUp.validation-data`.
    pub name: String,
    /// The path from the workspace's root, such as `events/PreSignUp_SignUp.json`.
    pub path: String,
    pub payload: Value,
}

/// Returns the events for a function, in the order of their names.
pub fn sample_events(function: &Function) -> Result<Vec<SampleEvent>> {
    let mut events = Vec::new();
    for entry in fs::read_dir(workspace().join("events")).context("events/")? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".json").filter(|name| name.starts_with(function.events)) else {
            continue;
        };
        let path = format!("events/{file}");
        let text = fs::read_to_string(workspace().join(&path)).with_context(|| path.clone())?;
        let payload = serde_json::from_str(&text).with_context(|| path.clone())?;
        events.push(SampleEvent { name: name.to_owned(), path, payload });
    }
    events.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(events)
}
