//! User attributes: the pool's schema and what it lets through.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::error::ApiError;

/// `AttributeType` on the wire.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// `SchemaAttributeType` on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SchemaAttribute {
    pub(crate) name: String,
    #[serde(default = "string_type")]
    pub(crate) attribute_data_type: String,
    #[serde(default)]
    pub(crate) developer_only_attribute: bool,
    #[serde(default = "yes")]
    pub(crate) mutable: bool,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) number_attribute_constraints: Option<Value>,
    pub(crate) string_attribute_constraints: Option<Value>,
}

fn string_type() -> String {
    "String".to_owned()
}

fn yes() -> bool {
    true
}

/// `OpenID` Connect's standard claims and their types in Cognito.
const STANDARD: [(&str, &str); 21] = [
    ("sub", "String"),
    ("name", "String"),
    ("given_name", "String"),
    ("family_name", "String"),
    ("middle_name", "String"),
    ("nickname", "String"),
    ("preferred_username", "String"),
    ("profile", "String"),
    ("picture", "String"),
    ("website", "String"),
    ("email", "String"),
    ("email_verified", "Boolean"),
    ("gender", "String"),
    ("birthdate", "String"),
    ("zoneinfo", "String"),
    ("locale", "String"),
    ("phone_number", "String"),
    ("phone_number_verified", "Boolean"),
    ("address", "String"),
    ("updated_at", "Number"),
    ("identities", "String"),
];

/// The pool's whole schema: the standard attributes as `requested` changes them, then its own,
/// which get the prefix `custom:` (`dev:custom:` if only developers may touch them).
pub(crate) fn schema(requested: Vec<SchemaAttribute>) -> Vec<SchemaAttribute> {
    let mut schema: Vec<_> = STANDARD
        .iter()
        .map(|(name, kind)| SchemaAttribute {
            name: (*name).to_owned(),
            attribute_data_type: (*kind).to_owned(),
            developer_only_attribute: false,
            mutable: *name != "sub",
            required: *name == "sub",
            number_attribute_constraints: None,
            string_attribute_constraints: (*kind == "String")
                .then(|| serde_json::json!({"MinLength": "0", "MaxLength": "2048"})),
        })
        .collect();
    for attribute in requested {
        match schema.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => {
                known.mutable = attribute.mutable;
                known.required = attribute.required;
            }
            None => schema.push(custom(attribute)),
        }
    }
    schema
}

pub(crate) fn custom(mut attribute: SchemaAttribute) -> SchemaAttribute {
    if !attribute.name.starts_with("custom:") && !attribute.name.starts_with("dev:") {
        let prefix = if attribute.developer_only_attribute {
            "dev:custom:"
        } else {
            "custom:"
        };
        attribute.name = format!("{prefix}{}", attribute.name);
    }
    attribute
}

/// Who writes: a user may not set what only administrators may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    User,
    Administrator,
}

/// Checks names, types, formats and what may be written, and gives the attributes as a map.
pub(crate) fn check(
    schema: &[SchemaAttribute],
    attributes: Vec<Attribute>,
    writer: Writer,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut checked = BTreeMap::new();
    for Attribute { name, value } in attributes {
        let Some(known) = schema.iter().find(|known| known.name == name) else {
            return Err(nonconforming(&name, "The attribute is not defined in schema."));
        };
        if name == "sub" || writer == Writer::User && name == "identities" {
            return Err(ApiError::invalid_parameter(format!(
                "Cannot modify the non-mutable attribute {name}"
            )));
        }
        if writer == Writer::User && (known.attribute_data_type == "Boolean" || name.starts_with("dev:")) {
            return Err(ApiError::not_authorized(
                "A client attempted to write unauthorized attribute",
            ));
        }
        check_value(known, &value)?;
        checked.insert(name, value);
    }
    Ok(checked)
}

/// What a new user must bring.
pub(crate) fn check_required(
    schema: &[SchemaAttribute],
    attributes: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let missing = |known: &&SchemaAttribute| {
        known.required
            && known.name != "sub"
            && attributes
                .get(&known.name)
                .is_none_or(std::string::String::is_empty)
    };
    match schema.iter().find(missing) {
        Some(known) => Err(nonconforming(&known.name, "The attribute is required")),
        None => Ok(()),
    }
}

/// An attribute that was fixed at creation stays.
pub(crate) fn check_mutable(
    schema: &[SchemaAttribute],
    names: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<(), ApiError> {
    for name in names {
        let name = name.as_ref();
        if schema.iter().any(|known| known.name == name && !known.mutable) {
            return Err(ApiError::invalid_parameter(format!(
                "user.{name}: Attribute cannot be updated.\n"
            )));
        }
    }
    Ok(())
}

fn check_value(known: &SchemaAttribute, value: &str) -> Result<(), ApiError> {
    let constraint = |constraints: &Option<Value>, name: &str| -> Option<i64> {
        constraints.as_ref()?.get(name)?.as_str()?.parse().ok()
    };
    if value.len() > 2048 {
        return Err(nonconforming(
            &known.name,
            "String must be no longer than 2048 characters",
        ));
    }
    match known.name.as_str() {
        "email" if !value.is_empty() && !is_email(value) => {
            return Err(ApiError::invalid_parameter("Invalid email address format."));
        }
        "phone_number" if !value.is_empty() && !is_phone_number(value) => {
            return Err(ApiError::invalid_parameter("Invalid phone number format."));
        }
        _ => {}
    }
    match known.attribute_data_type.as_str() {
        "Number" if !value.is_empty() => {
            let Ok(number) = value.parse::<i64>() else {
                return Err(nonconforming(&known.name, "Attribute value is not a number"));
            };
            let low = constraint(&known.number_attribute_constraints, "MinValue");
            let high = constraint(&known.number_attribute_constraints, "MaxValue");
            if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
                return Err(nonconforming(&known.name, "Number is out of range"));
            }
        }
        "Boolean" if !["true", "false", ""].contains(&value.to_ascii_lowercase().as_str()) => {
            return Err(nonconforming(&known.name, "Attribute value is not a boolean"));
        }
        "String" if !value.is_empty() => {
            let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
            let low = constraint(&known.string_attribute_constraints, "MinLength");
            let high = constraint(&known.string_attribute_constraints, "MaxLength");
            if low.is_some_and(|low| length < low) {
                return Err(nonconforming(&known.name, "String is too short"));
            }
            if high.is_some_and(|high| length > high) {
                return Err(nonconforming(&known.name, "String is too long"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn nonconforming(name: &str, what: &str) -> ApiError {
    ApiError::invalid_parameter(format!(
        "Attributes did not conform to the schema: {name}: {what}\n"
    ))
}

pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
            && !text.chars().any(char::is_whitespace)
    })
}

/// E.164.
pub(crate) fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
