//! `Filter` of `ListUsers`: `attribute = "value"` or, for a beginning, `attribute ^= "value"`.

use crate::model::user::User;
use crate::protocol::error::ApiError;

pub(super) struct Filter {
    attribute: String,
    value: String,
    by_prefix: bool,
}

const SEARCHABLE: [&str; 10] = [
    "username",
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "cognito:user_status",
    "status",
    "sub",
];

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let invalid = || ApiError::invalid_parameter("Error while parsing filter.");
        let (attribute, rest) = text.split_once('=').ok_or_else(invalid)?;
        let (attribute, by_prefix) = match attribute.trim_end().strip_suffix('^') {
            Some(attribute) => (attribute, true),
            None => (attribute, false),
        };
        let attribute = attribute.trim().trim_matches('"').to_owned();
        if !SEARCHABLE.contains(&attribute.as_str()) {
            return Err(ApiError::invalid_parameter(format!(
                "Invalid search attribute: {attribute}"
            )));
        }
        let quoted = rest
            .trim()
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let value = quoted.ok_or_else(invalid)?.replace("\\\"", "\"");
        Ok(Self {
            attribute,
            value,
            by_prefix,
        })
    }

    /// Names and addresses are compared without regard to case, all else as it is.
    pub(super) fn matches(&self, user: &User) -> bool {
        let found = match self.attribute.as_str() {
            "username" => Some(user.username.as_str()),
            "cognito:user_status" => Some(user.status.as_str()),
            "status" => Some(if user.enabled { "Enabled" } else { "Disabled" }),
            name => user.attribute(name),
        };
        let Some(found) = found else { return false };
        if matches!(self.attribute.as_str(), "cognito:user_status" | "status" | "sub") {
            return self.compare(found, &self.value);
        }
        self.compare(&found.to_lowercase(), &self.value.to_lowercase())
    }

    fn compare(&self, found: &str, wanted: &str) -> bool {
        if self.by_prefix {
            found.starts_with(wanted)
        } else {
            found == wanted
        }
    }
}
