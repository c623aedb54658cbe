//! The two files that `init` edits. Entries and comments that it does not set stay as they are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

const OVERRIDES: &str = "parameter_overrides";

/// `samconfig.toml`, of which one environment's parameters are edited.
#[derive(Debug)]
pub(super) struct Configuration {
    file: PathBuf,
    document: DocumentMut,
    environment: String,
}

impl Configuration {
    pub(super) fn read(infra: &Path, environment: &str) -> Result<Self> {
        let file = infra.join("samconfig.toml");
        let mut document = parsed(&file)?;
        if document.is_empty() {
            document.insert("version", toml_edit::value(0.1));
        }
        Ok(Self { file, document, environment: environment.to_owned() })
    }

    /// Returns the value of a parameter, or `None` if this environment does not set it.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let overrides =
            self.document.get(&self.environment)?.get("deploy")?.get("parameters")?.get(OVERRIDES)?;
        if let Some(array) = overrides.as_array() {
            return array.iter().find_map(|entry| of_entry(entry, name));
        }
        match overrides.as_table_like() {
            Some(table) => Some(table.get(name)?.as_str()?.to_owned()),
            None => None,
        }
    }

    /// Sets a parameter. A list has one entry for each parameter, as in `samconfig.toml` of this repository.
    ///
    /// Fails if the parameters are one text, or if an entry of the list has several of them.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let file = self.file.display().to_string();
        let mut table = self.document.as_table_mut();
        for key in [self.environment.as_str(), "deploy", "parameters"] {
            table = table
                .entry(key)
                .or_insert_with(|| {
                    let mut table = Table::new();
                    table.set_implicit(key != "parameters");
                    Item::Table(table)
                })
                .as_table_mut()
                .with_context(|| format!("{file}: {key} is no table"))?;
        }
        let overrides = table.entry(OVERRIDES).or_insert_with(|| Item::Value(Value::Array(Array::new())));
        if let Some(table) = overrides.as_table_like_mut() {
            table.insert(name, toml_edit::value(value));
            return Ok(());
        }
        let list = overrides.as_array_mut().with_context(|| {
            format!("{file}: write {OVERRIDES} of {} as a list, with one NAME=VALUE each", self.environment)
        })?;
        set_in(list, name, value).with_context(|| file)
    }

    pub(super) fn write(&self) -> Result<()> {
        written(&self.file, &self.document)
    }
}

/// Returns the value of a parameter in an entry of the list: `NAME=VALUE`, or a table.
fn of_entry(entry: &Value, name: &str) -> Option<String> {
    match entry {
        Value::String(text) => {
            let (found, value) = text.value().split_once('=')?;
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            (found == name).then(|| value.replace("\\\"", "\""))
        }
        Value::InlineTable(table) => Some(table.get(name)?.as_str()?.to_owned()),
        _ => None,
    }
}

fn set_in(list: &mut Array, name: &str, value: &str) -> Result<()> {
    // SAM splits an unquoted value at blanks.
    let is_plain = !value.contains([' ', '"', '\'', '\\']);
    let text = if is_plain {
        format!("{name}={value}")
    } else {
        format!("{name}=\"{}\"", value.replace('"', "\\\""))
    };
    for entry in list.iter_mut() {
        match entry {
            Value::String(old) => {
                let old_text = old.value();
                if !old_text.split([' ', '\n']).any(|word| word.starts_with(&format!("{name}="))) {
                    continue;
                }
                let is_alone = of_entry(&Value::from(old_text.as_str()), name).is_some()
                    && (old_text.contains('"') || !old_text.contains(' '));
                ensure!(is_alone, "{old_text:?}: write one NAME=VALUE in each entry");
                let decor = old.decor().clone();
                *entry = Value::from(text);
                *entry.decor_mut() = decor;
                return Ok(());
            }
            Value::InlineTable(table) if table.contains_key(name) => {
                table.insert(name, Value::from(value));
                return Ok(());
            }
            Value::InlineTable(_) => {}
            other => bail!("{OVERRIDES}: {} is neither text nor table", other.type_name()),
        }
    }
    // A new entry is indented as the last one, on a line of its own if that has one.
    let like = list.iter().last().and_then(|last| last.decor().prefix()?.as_str()).map(str::to_owned);
    let mut entry = Value::from(text);
    match like {
        Some(prefix) if prefix.contains('\n') => {
            let indent = prefix.rsplit('\n').next().unwrap_or_default();
            entry.decor_mut().set_prefix(format!("\n{indent}"));
            list.push_formatted(entry);
        }
        _ => list.push(entry),
    }
    Ok(())
}

/// The operator's overrides of the policy.
#[derive(Debug)]
pub(super) struct PolicyFile {
    file: PathBuf,
    document: DocumentMut,
}

impl PolicyFile {
    pub(super) fn read(infra: &Path) -> Result<Self> {
        let file = infra.join("overrides/cognito-mfa/policy.toml");
        let document = parsed(&file)?;
        Ok(Self { file, document })
    }

    /// Returns `sms.allowed_countries`, or `None` if the file does not set it.
    pub(super) fn countries(&self) -> Option<Vec<String>> {
        let list = self.document.get("sms")?.get("allowed_countries")?.as_array()?;
        Some(list.iter().filter_map(|code| Some(code.as_str()?.to_owned())).collect())
    }

    pub(super) fn set_countries(&mut self, countries: &[String]) -> Result<()> {
        if self.countries().as_deref() == Some(countries) {
            return Ok(());
        }
        let file = self.file.display().to_string();
        // The comments of a file without entries are its end. They stay above the new entry.
        let comments = self.document.is_empty().then(|| self.document.trailing().as_str().map(str::to_owned));
        let sms = self.document.entry("sms").or_insert_with(toml_edit::table);
        if let (Some(Some(comments)), Some(table)) = (comments, sms.as_table_mut()) {
            let blank = if comments.is_empty() { "" } else { "\n" };
            table.decor_mut().set_prefix(comments + blank);
            self.document.set_trailing("");
        }
        let sms = self.document.entry("sms").or_insert_with(toml_edit::table);
        let sms = sms.as_table_like_mut().with_context(|| format!("{file}: sms is no table"))?;
        let list: Array = countries.iter().map(String::as_str).collect();
        sms.insert("allowed_countries", toml_edit::value(list));
        Ok(())
    }

    pub(super) fn write(&self) -> Result<()> {
        written(&self.file, &self.document)
    }
}

/// Parses a TOML file. An absent file is an empty document.
fn parsed(file: &Path) -> Result<DocumentMut> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| file.display().to_string()),
    };
    text.parse().with_context(|| file.display().to_string())
}

/// Replaces a file in one step, so that a killed command leaves the old one.
fn written(file: &Path, document: &DocumentMut) -> Result<()> {
    let text = document.to_string();
    if fs::read_to_string(file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let new = file.with_extension("toml.new");
    fs::write(&new, text).with_context(|| new.display().to_string())?;
    fs::rename(&new, file).with_context(|| file.display().to_string())
}
