//! Parameter validation: what the service model says of an operation's input. `model.json` holds
//! the input shapes of API version 2016-04-18: types, required members, lengths, patterns, values.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::error::{ApiError, ErrorCode};

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    serde_json::from_str(include_str!("model.json")).unwrap_or_else(|error| {
        tracing::error!(%error, "the service model does not parse");
        Model { operations: BTreeMap::new(), shapes: BTreeMap::new() }
    })
});

#[derive(Deserialize)]
struct Model {
    operations: BTreeMap<String, Option<String>>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Shape {
    Structure {
        #[serde(default)]
        required: Vec<String>,
        members: BTreeMap<String, String>,
    },
    List {
        member: String,
        #[serde(flatten)]
        bounds: Bounds,
    },
    Map {
        key: String,
        value: String,
        #[serde(flatten)]
        bounds: Bounds,
    },
    String {
        #[serde(flatten)]
        bounds: Bounds,
        pattern: Option<Pattern>,
        #[serde(rename = "enum")]
        values: Option<Vec<String>>,
    },
    Integer {
        #[serde(flatten)]
        bounds: Bounds,
    },
    Boolean,
    Blob,
    Timestamp,
}

#[derive(Deserialize, Default)]
struct Bounds {
    min: Option<i64>,
    max: Option<i64>,
}

/// Matches a whole value, as the service's own validation does.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Pattern {
    text: String,
    /// Compiled at first use: all of them together take a noticeable part of a second.
    regex: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, regex: OnceLock::new() }
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&format!("^(?:{})$", self.text)).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// Whether Cognito has an operation of this name, built here or not.
pub(crate) fn is_operation(name: &str) -> bool {
    MODEL.operations.contains_key(name)
}

/// Every operation Cognito has.
#[cfg(test)]
pub(crate) fn operations() -> impl Iterator<Item = &'static str> {
    MODEL.operations.keys().map(String::as_str)
}

/// Checks an operation's input; members that are null count as absent and unknown ones are let
/// through, as the service does both.
///
/// A wrong JSON type is a `SerializationException`; everything else is one
/// `InvalidParameterException` that lists all that is wrong.
pub(crate) fn validate(operation: &str, input: &Value) -> Result<(), ApiError> {
    let Some(Some(shape)) = MODEL.operations.get(operation) else {
        return Ok(());
    };
    let mut violations = Vec::new();
    check(shape, input, &mut Path::default(), &mut violations)?;
    if violations.is_empty() {
        return Ok(());
    }
    let (count, noun) = (violations.len(), if violations.len() == 1 { "error" } else { "errors" });
    Err(ApiError::invalid_parameter(format!("{count} validation {noun} detected: {}", violations.join("; "))))
}

/// Where in the input: `userAttributes.1.member.name`.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn within<T>(&mut self, part: String, run: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(part);
        let result = run(self);
        self.0.pop();
        result
    }

    fn member(name: &str) -> String {
        let mut characters = name.chars();
        characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
    }

    fn text(&self) -> String {
        self.0.join(".")
    }
}

fn check(shape: &str, value: &Value, path: &mut Path, found: &mut Vec<String>) -> Result<(), ApiError> {
    let Some(shape) = MODEL.shapes.get(shape) else {
        return Ok(());
    };
    match (shape, value) {
        (Shape::Structure { required, members }, Value::Object(map)) => {
            for name in required {
                if !map.contains_key(name) {
                    path.within(Path::member(name), |path| {
                        found.push(violation(path, "Member must not be null"));
                    });
                }
            }
            for (name, value) in map {
                if let Some(shape) = members.get(name) {
                    path.within(Path::member(name), |path| check(shape, value, path, found))?;
                }
            }
        }
        (Shape::List { member, bounds }, Value::Array(items)) => {
            check_length(bounds, items.len(), path, found);
            for (index, item) in items.iter().enumerate() {
                path.within(format!("{}.member", index + 1), |path| check(member, item, path, found))?;
            }
        }
        (Shape::Map { key, value, bounds }, Value::Object(map)) => {
            check_length(bounds, map.len(), path, found);
            for (name, item) in map {
                check(key, &Value::from(name.as_str()), path, found)?;
                path.within(format!("{name}.member"), |path| check(value, item, path, found))?;
            }
        }
        (Shape::String { bounds, pattern, values }, Value::String(text)) => {
            check_length(bounds, text.chars().count(), path, found);
            if let Some(pattern) = pattern
                && !pattern.matches(text)
            {
                let rule = format!("Member must satisfy regular expression pattern: {}", pattern.text);
                found.push(violation(path, &rule));
            }
            if let Some(values) = values
                && !values.contains(text)
            {
                let rule = format!("Member must satisfy enum value set: [{}]", values.join(", "));
                found.push(violation(path, &rule));
            }
        }
        (Shape::Integer { bounds }, Value::Number(number)) => {
            let Some(number) = number.as_i64() else {
                return Err(wrong_type(value, "an integer"));
            };
            if bounds.min.is_some_and(|min| number < min) {
                let rule = format!(
                    "Member must have value greater than or equal to {}",
                    bounds.min.unwrap_or_default()
                );
                found.push(violation(path, &rule));
            }
            if bounds.max.is_some_and(|max| number > max) {
                let rule = format!(
                    "Member must have value less than or equal to {}",
                    bounds.max.unwrap_or_default()
                );
                found.push(violation(path, &rule));
            }
        }
        (Shape::Boolean, Value::Bool(_))
        | (Shape::Blob, Value::String(_))
        | (Shape::Timestamp, Value::Number(_)) => {}
        (Shape::Structure { .. }, other) => return Err(wrong_type(other, "a structure")),
        (Shape::List { .. }, other) => return Err(wrong_type(other, "a list")),
        (Shape::Map { .. }, other) => return Err(wrong_type(other, "a map")),
        (Shape::String { .. } | Shape::Blob, other) => return Err(wrong_type(other, "a string")),
        (Shape::Integer { .. }, other) => return Err(wrong_type(other, "an integer")),
        (Shape::Timestamp, other) => return Err(wrong_type(other, "a time")),
        (Shape::Boolean, other) => return Err(wrong_type(other, "a boolean")),
    }
    Ok(())
}

fn check_length(bounds: &Bounds, length: usize, path: &Path, found: &mut Vec<String>) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if let Some(min) = bounds.min
        && length < min
    {
        found.push(violation(path, &format!("Member must have length greater than or equal to {min}")));
    }
    if let Some(max) = bounds.max
        && length > max
    {
        found.push(violation(path, &format!("Member must have length less than or equal to {max}")));
    }
}

/// Values are left out of the text: they may be passwords.
fn violation(path: &Path, rule: &str) -> String {
    format!("Value at '{}' failed to satisfy constraint: {rule}", path.text())
}

fn wrong_type(value: &Value, wanted: &str) -> ApiError {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a structure",
    };
    ApiError::new(ErrorCode::Serialization, format!("{kind} can not be converted to {wanted}"))
}
