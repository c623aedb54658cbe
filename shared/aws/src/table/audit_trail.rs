use async_trait::async_trait;
use jiff::Timestamp;
use shared::{
    audit::{Action, AuditLog, AuditTrail, Entry, Line},
    kernel::{Factor, PortError, UserId},
};
use uuid::Uuid;

use super::{Item, Table, condition_failed, port_error, seconds, text, user_key, version, whole};

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

#[async_trait]
impl AuditLog for Table {
    async fn newest(&self, user: &UserId, before: Option<Uuid>, most: usize) -> Result<Vec<Line>, PortError> {
        // Ids are UUIDs of version 7, which sort by time (RFC 9562 §5.7).
        let end = before.map_or_else(|| "AUDIT$".to_owned(), |id| format!("AUDIT#{id}"));
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            // `$` comes after `#`; what is before is left out below, since BETWEEN takes both its ends.
            .key_condition_expression("pk = :pk AND sk BETWEEN :start AND :end")
            .expression_attribute_values(":pk", user_key(user))
            .expression_attribute_values(":start", text("AUDIT#"))
            .expression_attribute_values(":end", text(&end))
            .scan_index_forward(false)
            .limit(i32::try_from(most + 1).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut lines = Vec::new();
        while lines.len() < most
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(port_error("dynamodb.Query"))?;
            lines.extend(read_line(&item).filter(|line| Some(line.id) != before));
        }
        Ok(lines)
    }
}

/// None for a line that nobody of ours wrote.
fn read_line(item: &Item) -> Option<Line> {
    let id = item.get("sk")?.as_s().ok()?.strip_prefix("AUDIT#")?;
    let factor = item.get("factor").and_then(|name| name.as_s().ok());
    Some(Line {
        id: Uuid::try_parse(id).ok()?,
        at: Timestamp::from_second(whole(item, "at")?).ok()?,
        action: item.get("action")?.as_s().ok()?.clone(),
        factor: factor.and_then(|name| Factor::from_cognito_name(name)),
    })
}

fn bool(value: bool) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::Bool(value)
}
