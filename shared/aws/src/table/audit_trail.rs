use async_trait::async_trait;
use shared::{
    audit::{Action, AuditTrail, Authority, Entry},
    kernel::PortError,
};

use super::{Table, condition_failed, port_error, seconds, text, user_key, version};

#[async_trait]
impl AuditTrail for Table {
    async fn append(&self, entry: &Entry) -> Result<(), PortError> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", user_key(&entry.user))
            .item("sk", text(format!("AUDIT#{}", entry.id)))
            .item("at", seconds(entry.at))
            .item("v", version())
            .condition_expression("attribute_not_exists(pk)");
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
            Action::Recovery { event } => put.item("action", text(event.name())),
            Action::Support { event } => put.item("action", text(event.name())),
            Action::MessageNotSent { channel, reason } => put
                .item("action", text("message-not-sent"))
                .item("channel", text(channel))
                .item("reason", text(reason)),
        };
        if let Some(Authority { user, reason }) = &entry.by {
            put = put.item("by", text(user.as_str())).item("reason", text(reason));
        }
        match put.send().await {
            Ok(_) => Ok(()),
            // A retry of ours whose first try had got through.
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error("dynamodb.PutItem")(fault)),
        }
    }
}

fn bool(value: bool) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::Bool(value)
}
