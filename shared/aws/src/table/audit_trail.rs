use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use shared::{
    audit::{Action, AuditTrail, Entry},
    kernel::{PortError, UserId},
};

use super::{Table, condition_failed, port_error, seconds, text, version};

/// A partition of its own, apart from the user's other items: so a role can be kept from changing lines
/// (`dynamodb:LeadingKeys`).
pub(super) fn audit_key(user: &UserId) -> AttributeValue {
    text(format!("AUDIT#{}", user.as_str()))
}

#[async_trait]
impl AuditTrail for Table {
    async fn append(&self, entry: &Entry) -> Result<(), PortError> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", audit_key(&entry.user))
            .item("sk", text(entry.id.to_string()))
            .item("at", seconds(entry.at))
            .item("v", version())
            .condition_expression("attribute_not_exists(pk)");
        if let Some(retention) = self.audit_retention {
            put = put.item("ttl", seconds(entry.at.saturating_add(retention).unwrap_or(Timestamp::MAX)));
        }
        put = match entry.action {
            Action::TotpStarted { replace } => {
                put.item("action", text("totp-started")).item("replace", bool(replace))
            }
            Action::TotpVerified => put.item("action", text("totp-verified")),
            Action::PreferenceChanged { factor, enabled, preferred } => put
                .item("action", text("preference-changed"))
                .item("factor", text(factor.cognito_name()))
                .item("enabled", bool(enabled))
                .item("preferred", bool(preferred)),
            Action::OwnFactor { event, id } => {
                let put = put.item("action", text(event.name()));
                match id {
                    Some(id) => put.item("id", text(id.simple().to_string())),
                    None => put,
                }
            }
            Action::NewDeviceUsed => put.item("action", text("new-device-used")),
            Action::MessageNotSent { channel, reason } => put
                .item("action", text("message-not-sent"))
                .item("channel", text(channel))
                .item("reason", text(reason)),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            // A retry of ours whose first try had got through.
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error("dynamodb.PutItem")(fault)),
        }
    }
}

fn bool(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}
