use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    audit::{AuditAction, AuditEntry, AuditLine, AuditLog, AuditTrail, Authority},
    kernel::{PoolFactor, PortError, UserId},
};
use uuid::Uuid;

use super::{AttributeValue, Item, Table, condition_failed, port_error, seconds, text, version, whole};

/// Returns the partition of a user's audit trail, apart from the user's other items. A role can therefore be
/// denied to change lines (`dynamodb:LeadingKeys`).
pub(super) fn audit_key(user: &UserId) -> AttributeValue {
    text(format!("AUDIT#{}", user.as_str()))
}

#[async_trait]
impl AuditTrail for Table {
    async fn append(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let mut put = self
            .put_item()
            .item("pk", audit_key(&entry.user))
            .item("sk", text(entry.id.to_string()))
            .item("at", seconds(entry.at))
            .item("v", version())
            .condition_expression("attribute_not_exists(pk)");
        if let Some(retention) = self.audit_retention {
            put = put.item("ttl", seconds(entry.at.saturating_add(retention).unwrap_or(Timestamp::MAX)));
        }
        put = match entry.action {
            AuditAction::TotpStarted { replace } => {
                put.item("action", text("totp-started")).item("replace", bool(replace))
            }
            AuditAction::TotpVerified => put.item("action", text("totp-verified")),
            AuditAction::PreferenceChanged { factor, enabled, preferred } => put
                .item("action", text("preference-changed"))
                .item("factor", text(factor.cognito_name()))
                .item("enabled", bool(enabled))
                .item("preferred", bool(preferred)),
            AuditAction::CustomFactor { event, id } => {
                let put = put.item("action", text(event.name()));
                match id {
                    Some(id) => put.item("id", text(id.simple().to_string())),
                    None => put,
                }
            }
            AuditAction::NewDeviceUsed => put.item("action", text("new-device-used")),
            AuditAction::Recovery { event } => put.item("action", text(event.name())),
            AuditAction::Admin { event } => put.item("action", text(event.name())),
            AuditAction::MessageNotSent { channel, reason } => put
                .item("action", text("message-not-sent"))
                .item("channel", text(channel))
                .item("reason", text(reason)),
        };
        if let Some(Authority { user, reason }) = &entry.by {
            put = put.item("by", text(user.as_str()));
            if let Some(reason) = reason {
                put = put.item("reason", text(reason));
            }
        }
        match put.send().await {
            Ok(_) => Ok(()),
            // The failure is our own retry: the first attempt had succeeded.
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error("dynamodb.PutItem")(fault)),
        }
    }
}

#[async_trait]
impl AuditLog for Table {
    async fn newest(
        &self,
        user: &UserId,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<AuditLine>, PortError> {
        let mut query = self
            .query()
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", audit_key(user))
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        // The ids are UUIDs of version 7, which sort by time (RFC 9562 §5.7).
        if let Some(before) = before {
            query = query
                .key_condition_expression("pk = :pk AND sk < :before")
                .expression_attribute_values(":before", text(before.to_string()));
        }
        let mut pages = query.into_paginator().send();
        let mut lines = Vec::new();
        while lines.len() < most
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(port_error("dynamodb.Query"))?;
            lines.extend(page.items().iter().filter_map(read_line).take(most - lines.len()));
        }
        Ok(lines)
    }
}

/// Reads a line. Returns `None` for a line that no function of this project wrote.
fn read_line(item: &Item) -> Option<AuditLine> {
    let id = item.get("sk")?.as_s().ok()?;
    let factor = item.get("factor").and_then(|name| name.as_s().ok());
    Some(AuditLine {
        id: Uuid::try_parse(id).ok()?,
        at: Timestamp::from_second(whole(item, "at")?).ok()?,
        action: item.get("action")?.as_s().ok()?.clone(),
        factor: factor.and_then(|name| PoolFactor::from_cognito_name(name)),
    })
}

fn bool(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}
