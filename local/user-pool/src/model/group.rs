//! A group of users, with the role its members get in tokens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire_time;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) pool_id: String,
    pub(crate) description: Option<String>,
    pub(crate) role_arn: Option<String>,
    /// The lowest number decides the preferred role.
    pub(crate) precedence: Option<i64>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

impl Group {
    /// The shape `GroupType`.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "GroupName": self.name,
            "UserPoolId": self.pool_id,
            "Description": self.description,
            "RoleArn": self.role_arn,
            "Precedence": self.precedence,
            "CreationDate": wire_time(self.created),
            "LastModifiedDate": wire_time(self.modified),
        })
    }
}
