//! An operator's policy.toml.

use std::sync::LazyLock;

use mfa_core::config::{Policy, check_policy};
use toml::{Table, Value};

static DEFAULT: LazyLock<Policy> = LazyLock::new(Policy::default);

/// Checks that any text is accepted as a whole, or refused with all its faults. Another spelling of a policy
/// has the same meaning.
pub fn text(bytes: &[u8]) {
    let Some(text) = super::utf8(bytes) else { return };
    let checked = check_policy(text);
    // A function starts with a policy exactly if the check before its deployment found no error.
    let read = Policy::read(Some(text));
    match (&checked, &read) {
        (Ok(checked), Ok(read)) => assert_eq!(checked, read),
        (Err(problems), Err(at_start)) => {
            let mut found: Vec<_> = problems.iter().map(|(_, problem)| problem.clone()).collect();
            let mut told = at_start.0.clone();
            found.sort();
            told.sort();
            assert_eq!(found, told, "the check and the start tell different things");
        }
        _ => panic!("the check and the start disagree: {checked:?}, {read:?}"),
    }
    let document = text.parse::<Table>();
    match &checked {
        Ok(policy) => {
            let document = document.expect("a policy is TOML");
            let printed = printed(&document);
            assert_eq!(Policy::read(Some(&printed)).as_ref(), Ok(policy), "printed as {printed}");
            assert!(!document.is_empty() || *policy == *DEFAULT, "nothing said, and something else read");
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            let lines = text.split('\n').count();
            for (line, problem) in problems {
                assert!(!problem.trim().is_empty(), "an empty reason");
                assert!(
                    line.is_none_or(|line| (1..=lines).contains(&line)),
                    "line {line:?} of {lines}: {problem}"
                );
                // A fault without a line names at least the key.
                assert!(line.is_some() || problem.contains(char::is_alphanumeric), "{problem}");
            }
        }
    }
}

/// Returns the policy in an unusual form: each table in one line.
fn printed(document: &Table) -> String {
    let lines: Vec<_> =
        document.iter().map(|(name, value)| format!("{} = {}", quoted(name), inline(value))).collect();
    lines.join("\n")
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        // `1` would be no float.
        Value::Float(number) if number.is_finite() => format!("{number:e}"),
        Value::Float(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Datetime(at) => at.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(members) => {
            let members = members.iter().map(|(name, value)| format!("{} = {}", quoted(name), inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// JSON's escapes are also TOML's, which requires one more.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
