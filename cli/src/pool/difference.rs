//! The differences between two states, leaf by leaf, and their undoing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One setting before and after. Lists are settings as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The members from the outermost inwards.
    pub(crate) path: Vec<String>,
    /// Absent if it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    /// Absent if it is no longer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.join(".");
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {path}: {after}"),
            (Some(before), None) => write!(f, "- {path}: {before}"),
            (before, after) => write!(
                f,
                "~ {path}: {} -> {}",
                before.as_ref().unwrap_or(&Value::Null),
                after.as_ref().unwrap_or(&Value::Null)
            ),
        }
    }
}

/// A setting that has changed again since.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conflict {
    pub(crate) change: Change,
    pub(crate) found: Option<Value>,
}

pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: &mut Vec<String>, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    let members = |side: Option<&Value>| match side {
        Some(Value::Object(members)) => Some(members.clone()),
        None => Some(Map::new()),
        Some(_) => None,
    };
    if let (Some(old), Some(new)) = (members(before), members(after)) {
        if !(old.is_empty() && new.is_empty()) {
            for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
                path.push(name.clone());
                compare(path, old.get(name), new.get(name), changes);
                path.pop();
            }
        }
    } else if before != after {
        changes.push(Change { path: path.clone(), before: before.cloned(), after: after.cloned() });
    }
}

/// Undoes every change in `state` that is still in place. Settings that have changed since stay, and are
/// returned.
pub(crate) fn revert(state: &mut Value, changes: &[Change]) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for change in changes {
        let found = change.path.iter().try_fold(&*state, |value, name| value.get(name)).cloned();
        if found == change.after {
            set(state, &change.path, change.before.as_ref());
        } else if found != change.before {
            conflicts.push(Conflict { change: change.clone(), found });
        }
    }
    conflicts
}

/// Sets or removes the value. A member that becomes empty is removed with its content.
fn set(state: &mut Value, path: &[String], value: Option<&Value>) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if !state.is_object() {
        *state = Value::Object(Map::new());
    }
    let Value::Object(members) = state else {
        return;
    };
    match (rest, value) {
        ([], Some(value)) => {
            members.insert(name.clone(), value.clone());
        }
        ([], None) => {
            members.remove(name);
        }
        (rest, value) => {
            let inner = members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            set(inner, rest, value);
            let is_empty = inner.as_object().is_some_and(Map::is_empty);
            if value.is_none() && is_empty {
                members.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn states() -> (Value, Value) {
        let before = json!({ "a": { "x": 1, "y": [1, 2] }, "b": "old", "c": true, "e": {} });
        let after =
            json!({ "a": { "x": 1, "y": [2] }, "b": { "in": 1 }, "d": { "deep": { "er": 2 } }, "e": {} });
        (before, after)
    }

    #[test]
    fn differences_are_listed_by_leaf_and_can_be_applied() {
        let (before, after) = states();
        let changes = differences(&before, &after);
        let told: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["~ a.y: [1,2] -> [2]", "~ b: \"old\" -> {\"in\":1}", "- c: true", "+ d.deep.er: 2",]
        );
        let mut state = after.clone();
        assert_eq!(revert(&mut state, &changes), []);
        assert_eq!(state, before);
    }

    #[test]
    fn later_changes_are_kept_and_reported() {
        let (before, mut after) = states();
        let changes = differences(&before, &after);
        after["b"] = json!("theirs");
        after["z"] = json!("new");
        let conflicts = revert(&mut after, &changes);
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].found, Some(json!("theirs")));
        assert_eq!(
            after,
            json!({ "a": { "x": 1, "y": [1, 2] }, "b": "theirs", "c": true, "e": {}, "z": "new" })
        );
    }
}
