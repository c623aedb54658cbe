//! What a function's role allows, decided as IAM decides it: by actions, resources and conditions. Words of IAM that
//! are not known here stop the start, so that no part of a policy goes unheard.

mod request;

use std::collections::{BTreeMap, BTreeSet};

pub use request::{Call, World};
use serde_json::{Map, Value};

/// The condition key that holds the partitions of a call.
pub const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The statements of a role's policies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Role(Vec<Statement>);

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Resources,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
enum Resources {
    These(Vec<String>),
    AllBut(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    /// `ForAllValues:` stands before the operator: true also where the call has no value.
    for_all: bool,
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    Like,
    NotLike,
    Null,
}

/// A call as IAM sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub action: String,
    /// ARNs; none where the action names nothing that has one, such as a phone number.
    pub resources: Vec<String>,
    /// Condition keys and their values. A key that the call does not have is absent.
    pub context: BTreeMap<String, BTreeSet<String>>,
}

/// What a role says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// With the patterns that the call's partitions matched.
    Allowed(BTreeSet<String>),
    Denied,
}

impl Role {
    /// Adds the statements of a policy document without intrinsic functions.
    pub fn add(&mut self, document: &Value) -> Result<(), String> {
        let statements = document.get("Statement").and_then(Value::as_array);
        for statement in statements.ok_or("a policy without statements of its own")? {
            self.0.push(Statement::read(statement)?);
        }
        Ok(())
    }

    /// Every resource must be allowed by a statement, and no statement may deny one.
    pub fn answer(&self, request: &Request) -> Verdict {
        let named: Vec<_> = match request.resources.as_slice() {
            [] => vec![None],
            resources => resources.iter().map(|arn| Some(arn.as_str())).collect(),
        };
        let mut partitions = BTreeSet::new();
        for resource in named {
            let mut found = self.0.iter().filter(|statement| statement.fits(request, resource)).peekable();
            if found.peek().is_none() {
                return Verdict::Denied;
            }
            for statement in found {
                if !statement.allows {
                    return Verdict::Denied;
                }
                partitions.extend(statement.partitions(request));
            }
        }
        Verdict::Allowed(partitions)
    }
}

impl Statement {
    fn read(statement: &Value) -> Result<Self, String> {
        let allows = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("a statement that neither allows nor denies".to_owned()),
        };
        let part = |name: &str| statement.get(name).map(texts);
        let resources = match (part("Resource"), part("NotResource")) {
            (Some(these), None) => Resources::These(these),
            (None, Some(others)) => Resources::AllBut(others),
            _ => return Err("a statement needs Resource or NotResource".to_owned()),
        };
        let actions = part("Action").ok_or("a statement without an action")?;
        let mut conditions = Vec::new();
        for (operator, keys) in object(statement.get("Condition")) {
            for (key, values) in object(Some(keys)) {
                conditions.push(Condition::read(operator, key, values)?);
            }
        }
        Ok(Self { allows, actions, resources, conditions })
    }

    fn fits(&self, request: &Request, resource: Option<&str>) -> bool {
        let is_named = match (&self.resources, resource) {
            (Resources::These(patterns), Some(arn)) => any_like(patterns, arn),
            // What has no ARN is every resource's.
            (Resources::These(patterns), None) => patterns.iter().any(|pattern| pattern == "*"),
            (Resources::AllBut(patterns), Some(arn)) => !any_like(patterns, arn),
            (Resources::AllBut(_), None) => true,
        };
        is_named
            && any_like(&self.actions, &request.action)
            && self.conditions.iter().all(|condition| condition.holds(request))
    }

    /// The patterns of this statement that the call's partitions matched.
    fn partitions(&self, request: &Request) -> Vec<String> {
        let keys = request.context.get(LEADING_KEYS).into_iter().flatten();
        let patterns = self
            .conditions
            .iter()
            .filter(|condition| condition.key == LEADING_KEYS && condition.operator == Operator::Like)
            .flat_map(|condition| &condition.values);
        let patterns: Vec<_> = patterns.collect();
        keys.flat_map(|key| patterns.iter().filter(move |pattern| is_like(pattern, key)))
            .map(|pattern| (*pattern).clone())
            .collect()
    }
}

impl Condition {
    fn read(operator: &str, key: &str, values: &Value) -> Result<Self, String> {
        let (for_all, name) = match operator.strip_prefix("ForAllValues:") {
            Some(name) => (true, name),
            None => (false, operator),
        };
        let operator = match name {
            // Of `true` and `false` as text.
            "StringEquals" | "Bool" => Operator::Equals,
            "StringLike" => Operator::Like,
            "StringNotLike" => Operator::NotLike,
            "Null" => Operator::Null,
            other => return Err(format!("the local cloud does not know the condition {other}")),
        };
        let is_known = [LEADING_KEYS, "dynamodb:FullTableScan", "ses:FromAddress"].contains(&key)
            || key.starts_with("kms:EncryptionContext:");
        if !is_known {
            return Err(format!("the local cloud does not know the condition key {key}"));
        }
        Ok(Self { for_all, operator, key: key.to_owned(), values: texts(values) })
    }

    fn holds(&self, request: &Request) -> bool {
        let empty = BTreeSet::new();
        let given = request.context.get(&self.key).unwrap_or(&empty);
        let equals = |value: &String| self.values.contains(value);
        let like = |value: &String| any_like(&self.values, value);
        match self.operator {
            Operator::Null => self.values.iter().any(|value| (value == "true") == given.is_empty()),
            // Of no value a negated operator says true, every other one false, unless it is of all values.
            Operator::NotLike => given.iter().all(|value| !like(value)),
            _ if given.is_empty() => self.for_all,
            Operator::Equals => given.iter().all(equals),
            Operator::Like => given.iter().all(like),
        }
    }
}

fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
}

fn any_like(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| is_like(pattern, text))
}

/// Whether a text fits a pattern with `*` in it.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:1:table/Table";

    fn role(statements: &Value) -> Role {
        let mut role = Role::default();
        role.add(&json!({ "Statement": statements })).unwrap();
        role
    }

    fn request(action: &str, resource: Option<&str>, context: &[(&str, &[&str])]) -> Request {
        Request {
            action: action.to_owned(),
            resources: resource.into_iter().map(str::to_owned).collect(),
            context: context
                .iter()
                .map(|(key, values)| {
                    ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
                })
                .collect(),
        }
    }

    fn is_allowed(role: &Role, request: &Request) -> bool {
        role.answer(request) != Verdict::Denied
    }

    #[test]
    fn a_call_needs_a_statement_that_names_its_action_and_resource() {
        let role = role(&json!([
            { "Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": TABLE },
            { "Effect": "Allow", "Action": "sns:Publish", "NotResource": "arn:aws:sns:*:*:*" },
            { "Effect": "Allow", "Action": "sms-voice:SendTextMessage", "Resource": "*" },
            { "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:us-east-1:1:key/k" },
        ]));
        for (action, resource, expected) in [
            ("dynamodb:GetItem", Some(TABLE), true),
            ("dynamodb:GetItem", Some("arn:aws:dynamodb:us-east-1:1:table/Table2"), false),
            ("dynamodb:PutItem", Some(TABLE), false),
            ("sns:Publish", None, true),
            ("sns:Publish", Some("arn:aws:sns:us-east-1:1:alarms"), false),
            ("sms-voice:SendTextMessage", None, true),
            ("kms:Decrypt", None, false),
        ] {
            assert_eq!(is_allowed(&role, &request(action, resource, &[])), expected, "{action} {resource:?}");
        }
        let both = Request {
            resources: vec![TABLE.to_owned(), "arn:aws:dynamodb:us-east-1:1:table/Other".to_owned()],
            ..request("dynamodb:GetItem", None, &[])
        };
        assert!(!is_allowed(&role, &both), "each resource needs its own word");
    }

    /// The trap that `Null` closes: of a call without a key `ForAllValues` says true.
    #[test]
    fn for_all_values_holds_without_a_value_unless_null_says_otherwise() {
        let partitions = json!({ LEADING_KEYS: ["USER#*", "SENT#*"] });
        let statement = |condition: Value| {
            role(&json!([{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }]))
        };
        let open = statement(json!({ "ForAllValues:StringLike": partitions }));
        let closed =
            statement(json!({ "ForAllValues:StringLike": partitions, "Null": { LEADING_KEYS: "false" } }));
        let of_keys = |keys: &[&str]| request("dynamodb:PartiQLSelect", Some(TABLE), &[(LEADING_KEYS, keys)]);
        let without = request("dynamodb:PartiQLSelect", Some(TABLE), &[]);
        assert!(is_allowed(&open, &without));
        assert!(!is_allowed(&closed, &without));
        let both = closed.answer(&of_keys(&["USER#a", "SENT#sms#all"]));
        assert_eq!(both, Verdict::Allowed(["USER#*".to_owned(), "SENT#*".to_owned()].into()));
        assert!(!is_allowed(&closed, &of_keys(&["USER#a", "AUDIT#a"])));
    }

    #[test]
    fn conditions_compare_what_the_call_has() {
        let pool = "kms:EncryptionContext:userpool-id";
        for (condition, context, expected) in [
            (json!({ "StringEquals": { pool: "one" } }), &[(pool, &["one"][..])][..], true),
            (json!({ "StringEquals": { pool: "one" } }), &[(pool, &["two"])], false),
            (json!({ "StringEquals": { pool: "one" } }), &[], false),
            (json!({ "StringNotLike": { LEADING_KEYS: "AUDIT#*" } }), &[(LEADING_KEYS, &["USER#1"])], true),
            (json!({ "StringNotLike": { LEADING_KEYS: "AUDIT#*" } }), &[(LEADING_KEYS, &["AUDIT#1"])], false),
            (json!({ "StringNotLike": { LEADING_KEYS: "AUDIT#*" } }), &[], true),
            (json!({ "StringLike": { LEADING_KEYS: "A*#*" } }), &[(LEADING_KEYS, &["AUDIT#1"])], true),
            (json!({ "StringLike": { LEADING_KEYS: "A*#" } }), &[(LEADING_KEYS, &["AUDIT#1"])], false),
        ] {
            let role = role(&json!([
                { "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition },
            ]));
            let told = is_allowed(&role, &request("kms:Decrypt", Some("arn:key"), context));
            assert_eq!(told, expected, "{condition} of {context:?}");
        }
    }

    #[test]
    fn a_denial_is_stronger_than_what_allows() {
        let scan = "dynamodb:FullTableScan";
        let role = role(&json!([
            { "Effect": "Allow", "Action": "dynamodb:PartiQLSelect", "Resource": "*" },
            {
                "Effect": "Deny", "Action": "dynamodb:PartiQLSelect", "Resource": "*",
                "Condition": { "Bool": { scan: true } },
            },
        ]));
        for (value, expected) in [("false", true), ("true", false)] {
            let call = request("dynamodb:PartiQLSelect", Some(TABLE), &[(scan, &[value])]);
            assert_eq!(is_allowed(&role, &call), expected);
        }
    }

    #[test]
    fn what_is_not_known_is_no_statement() {
        for (statement, fault) in [
            (json!({ "Action": "a", "Resource": "*" }), "neither allows nor denies"),
            (json!({ "Effect": "Allow", "Resource": "*" }), "without an action"),
            (json!({ "Effect": "Allow", "Action": "a" }), "needs Resource or NotResource"),
            (
                json!({ "Effect": "Allow", "Action": "a", "Resource": "*", "Condition": { "IpAddress": { "a": "b" } } }),
                "the condition IpAddress",
            ),
            (
                json!({ "Effect": "Allow", "Action": "a", "Resource": "*", "Condition": { "Null": { "aws:x": "b" } } }),
                "the condition key aws:x",
            ),
        ] {
            let told = Role::default().add(&json!({ "Statement": [statement] })).unwrap_err();
            assert!(told.contains(fault), "{told}");
        }
        assert!(Role::default().add(&json!({})).is_err());
    }
}
