//! Finds texts in a rule that its attribute never has.

use cedar_policy::Policy;
use mfa_core::kernel::{EmailAddress, PhoneNumber};
use serde_json::Value;

/// The values of `phoneType` in the schema.
const PHONE_TYPES: [&str; 11] = [
    "mobile",
    "fixed-line",
    "fixed-line-or-mobile",
    "voip",
    "toll-free",
    "premium-rate",
    "shared-cost",
    "personal-number",
    "pager",
    "uan",
    "voicemail",
];

/// Returns a sentence for each text that its attribute never has, because a comparison with it never holds.
pub(crate) fn impossible(policy: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(policy) = policy.to_json() {
        walk(&policy, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn walk(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Object(members) => {
            for member in members.values() {
                compare(member, found);
                walk(member, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Compares the operands of one operator.
fn compare(operands: &Value, found: &mut Vec<String>) {
    let (left, right) = (operands.get("left"), operands.get("right"));
    if let Some(pattern) = operands.get("pattern").and_then(Value::as_array) {
        let parts = pattern.iter().filter_map(|part| part.get("Literal")?.as_str());
        let text: String = parts.collect();
        if let Some(name @ ("email" | "emailDomain")) = left.and_then(attribute)
            && text != text.to_lowercase()
        {
            found.push(format!("{name} is in lower case: no value is like \"{text}\""));
        }
    }
    for (one, other) in [(left, right), (right, left)] {
        let (Some(name), Some(other)) = (one.and_then(attribute), other) else { continue };
        for text in texts(other) {
            if let Some(form) = form_that_is_missed(name, text) {
                found.push(format!("{name} is never \"{text}\": {form}"));
            }
        }
    }
}

/// Returns the attribute's name if a node reads an attribute of the context.
fn attribute(node: &Value) -> Option<&str> {
    let access = node.get(".")?;
    (access.get("left")?.get("Var")? == "context").then(|| access.get("attr")?.as_str()).flatten()
}

/// Returns the literal text of a node, or the texts of a literal set.
fn texts(node: &Value) -> Vec<&str> {
    match node.get("Set").and_then(Value::as_array) {
        Some(items) => items.iter().filter_map(|item| item.get("Value")?.as_str()).collect(),
        None => node.get("Value").and_then(Value::as_str).into_iter().collect(),
    }
}

/// Describes the form of an attribute's values, if `text` has another form.
fn form_that_is_missed(name: &str, text: &str) -> Option<String> {
    match name {
        "email" => {
            let form = EmailAddress::parse(text).ok().map(|address| address.expose().to_lowercase());
            unequal(text, form, "it is a whole address in lower case, with the domain in ASCII")
        }
        "emailDomain" => {
            let form = EmailAddress::parse(&format!("user@{text}")).ok();
            let form = form.map(|address| address.domain().to_owned());
            unequal(text, form, "it is a domain in lower-case ASCII")
        }
        "phoneNumber" => (PhoneNumber::parse(text).is_err())
            .then(|| "it is an E.164 number such as \"+12025550123\"".into()),
        "phoneCountry" => {
            let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            (!is_code).then(|| "it is an ISO 3166 code such as \"DE\"".into())
        }
        "phoneType" => {
            let is_type = text == "unknown" || PHONE_TYPES.contains(&text);
            (!is_type).then(|| format!("it is one of {}, unknown", PHONE_TYPES.join(", ")))
        }
        _ => None,
    }
}

fn unequal(text: &str, form: Option<String>, otherwise: &str) -> Option<String> {
    match form {
        Some(form) if form == text => None,
        Some(form) => Some(format!("write \"{form}\"")),
        None => Some(otherwise.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(condition: &str) -> String {
        let rule = format!("forbid (principal, action, resource) when {{ {condition} }};");
        impossible(&Policy::parse(None, rule).unwrap()).join("\n")
    }

    #[rstest]
    #[case(
        r#"context.emailDomain == "BLOCKED.example""#,
        r#"emailDomain is never "BLOCKED.example": write "blocked.example""#
    )]
    #[case(
        r#""b\u{fc}cher.example" == context.emailDomain"#,
        r#"emailDomain is never "bücher.example": write "xn--bcher-kva.example""#
    )]
    #[case(
        r#"["a.example", "B.example"].contains(context.emailDomain)"#,
        r#"emailDomain is never "B.example": write "b.example""#
    )]
    #[case(
        r#"context.emailDomain == "@a.example""#,
        r#"emailDomain is never "@a.example": it is a domain in lower-case ASCII"#
    )]
    #[case(
        r#"context has email && !(context.email != "Alex@a.example")"#,
        r#"email is never "Alex@a.example": write "alex@a.example""#
    )]
    #[case(
        r#"context.email like "*@Corp.example""#,
        r#"email is in lower case: no value is like "@Corp.example""#
    )]
    #[case(
        r#"context.phoneNumber == "0049 30 1234567""#,
        r#"phoneNumber is never "0049 30 1234567": it is an E.164 number such as "+12025550123""#
    )]
    #[case(
        r#"context.phoneCountry == "de""#,
        r#"phoneCountry is never "de": it is an ISO 3166 code such as "DE""#
    )]
    #[case(
        r#"if context has phoneType then context.phoneType == "landline" else false"#,
        r#"phoneType is never "landline": it is one of mobile, fixed-line, fixed-line-or-mobile, voip, toll-free, premium-rate, shared-cost, personal-number, pager, uan, voicemail, unknown"#
    )]
    fn a_text_that_never_matches_is_named(#[case] condition: &str, #[case] expected: &str) {
        assert_eq!(told(condition), expected);
    }

    #[rstest]
    #[case(r#"context.emailDomain == "blocked.example""#)]
    #[case(r#"context.emailDomain like "*.blocked.example""#)]
    #[case(r#"["DE", "AT"].contains(context.phoneCountry)"#)]
    #[case(r#"context.phoneType == "voip""#)]
    #[case(r#"context.phoneNumber like "+1900*""#)]
    #[case(r#"context.email == "alex@xn--bcher-kva.example""#)]
    #[case(r#"context.provider == "CorpSAML""#)]
    #[case(r#"principal.hasTag("custom:Tier") && principal.getTag("custom:Tier") == "GOLD""#)]
    fn all_else_passes(#[case] condition: &str) {
        assert_eq!(told(condition), "");
    }
}
