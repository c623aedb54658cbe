use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    admin::UserItems,
    audit::{AuditAction, AuditEntry, AuditLine, AuditLog, AuditTrail},
    kernel::{PortError, UserId},
    sign_in::Subject,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::InMemoryTable;

fn name(action: AuditAction) -> &'static str {
    match action {
        AuditAction::TotpStarted { .. } => "totp-started",
        AuditAction::TotpVerified => "totp-verified",
        AuditAction::PreferenceChanged { .. } => "preference-changed",
        AuditAction::CustomFactor { event, .. } => event.name(),
        AuditAction::NewDeviceUsed => "new-device-used",
        AuditAction::Recovery { event } => event.name(),
        AuditAction::Admin { event } => event.name(),
        AuditAction::MessageNotSent { .. } => "message-not-sent",
    }
}

#[async_trait]
impl AuditTrail for InMemoryTable {
    async fn append(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let mut state = self.state()?;
        if state.audit.iter().all(|kept| kept.id != entry.id) {
            state.audit.push(entry.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl AuditLog for InMemoryTable {
    async fn newest(
        &self,
        user: &UserId,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<AuditLine>, PortError> {
        let state = self.state()?;
        let mut lines: Vec<_> = state
            .audit
            .iter()
            .filter(|entry| entry.user == *user && before.is_none_or(|before| entry.id < before))
            .map(|entry| AuditLine {
                id: entry.id,
                at: entry.at,
                action: name(entry.action).to_owned(),
                factor: match entry.action {
                    AuditAction::PreferenceChanged { factor, .. } => Some(factor),
                    _ => None,
                },
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.id));
        lines.truncate(most);
        Ok(lines)
    }
}

#[async_trait]
impl UserItems for InMemoryTable {
    async fn lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError> {
        let state = self.state()?;
        let mut lines: Vec<_> = state
            .audit
            .iter()
            .filter(|entry| entry.user == *user && (from..until).contains(&entry.at))
            .collect();
        lines.sort_by_key(|entry| entry.id);
        let line = |entry: &&AuditEntry| {
            let mut line = Map::new();
            line.insert("id".to_owned(), json!(entry.id.to_string()));
            line.insert("at".to_owned(), json!(entry.at.to_string()));
            line.insert("action".to_owned(), json!(name(entry.action)));
            if let Some(by) = &entry.by {
                line.insert("by".to_owned(), json!(by.user.as_str()));
                line.extend(by.reason.iter().map(|reason| ("reason".to_owned(), json!(reason))));
            }
            line
        };
        Ok(lines.iter().map(line).collect())
    }

    async fn erase(&self, user: &UserId) -> Result<usize, PortError> {
        let mut state = self.state()?;
        let factors = state.custom_factors.remove(user).map_or(0, |_| 1);
        let attempts = state.attempts.remove(&Subject::User(user.clone())).map_or(0, |_| 1);
        Ok(factors + attempts)
    }
}
