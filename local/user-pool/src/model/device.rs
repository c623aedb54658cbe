//! A device that `ConfirmDevice` made known: its SRP verifier replaces a second factor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire_time;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    /// `<region>_<uuid>`.
    pub(crate) key: String,
    pub(crate) group_key: String,
    pub(crate) name: Option<String>,
    /// Hex, as the client sent them in base64.
    pub(crate) salt: String,
    pub(crate) verifier: String,
    pub(crate) remembered: bool,
    pub(crate) last_ip: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) last_authenticated: Timestamp,
}

impl Device {
    /// The shape `DeviceType`.
    pub(crate) fn describe(&self) -> Value {
        let status = if self.remembered { "remembered" } else { "not_remembered" };
        let mut attributes = vec![json!({"Name": "device_status", "Value": status})];
        if let Some(name) = &self.name {
            attributes.push(json!({"Name": "device_name", "Value": name}));
        }
        attributes.push(json!({"Name": "last_ip_used", "Value": self.last_ip}));
        json!({
            "DeviceKey": self.key,
            "DeviceAttributes": attributes,
            "DeviceCreateDate": wire_time(self.created),
            "DeviceLastModifiedDate": wire_time(self.modified),
            "DeviceLastAuthenticatedDate": wire_time(self.last_authenticated),
        })
    }
}
