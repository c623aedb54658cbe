//! The key under which Cognito seals codes, and the table.

use serde_json::Value;

use super::one;
use crate::doctor::facts::{Facts, Found};
use crate::doctor::{Check, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "key-missing",
        severity: Severity::Error,
        why: "Cognito cannot seal codes and the senders cannot open them, so no code is sent",
        fix: "set the pool's KMSKeyID to the output CodeKeyArn: cognito-mfa attach",
        reference: "docs/reference/cognito.md, 2.1 What Cognito sends",
        find: |facts| one(matches!(facts.key, Some(Found::Missing)), "the key in KMSKeyID does not exist"),
    },
    Check {
        id: "key-unusable",
        severity: Severity::Error,
        why: "Cognito cannot seal codes and the senders cannot open them, so no code is sent",
        fix: "run aws kms cancel-key-deletion and aws kms enable-key",
        reference: "docs/reference/cognito.md, 2.1 What Cognito sends",
        find: |facts| match &facts.key {
            Some(Found::Here(key)) => {
                let state = key.pointer("/KeyMetadata/KeyState").and_then(Value::as_str).unwrap_or("Enabled");
                one(state != "Enabled", format!("the key in KMSKeyID is {state}"))
            }
            _ => Vec::new(),
        },
    },
    Check {
        id: "key-grant-missing",
        severity: Severity::Warning,
        why: "Cognito needs a grant on the key to seal codes; without it no code is sent",
        fix: "set the pool's KMSKeyID again as a principal with kms:CreateGrant on the key: cognito-mfa attach",
        reference: "docs/reference/cognito.md, 2.1 What Cognito sends",
        find: |facts| match &facts.grants {
            Some(Found::Here(grants)) => {
                let mut all = grants.as_array().into_iter().flatten();
                one(
                    !all.any(|grant| seals_codes(grant, facts)),
                    "Cognito has no grant on the key in KMSKeyID",
                )
            }
            _ => Vec::new(),
        },
    },
    Check {
        id: "table-missing",
        severity: Severity::Error,
        why: "without the table no message is sent and no factor can be changed",
        fix: "restore the table from a point in time, or deploy the stack",
        reference: "docs/security/failure-modes.md, Failure modes",
        find: |facts| {
            let table = facts.table.as_ref();
            let missing = table.filter(|table| matches!(table.time_to_live, Some(Found::Missing)));
            missing.map(|table| format!("the table {} does not exist", table.name)).into_iter().collect()
        },
    },
    Check {
        id: "ttl-missing",
        severity: Severity::Error,
        why: "expired items are never removed, so the table grows with every message",
        fix: "run aws dynamodb update-time-to-live with AttributeName=ttl, or deploy the stack",
        reference: "docs/reference/table.md, Table",
        find: |facts| {
            let Some(Found::Here(ttl)) = facts.table.as_ref().and_then(|table| table.time_to_live.as_ref())
            else {
                return Vec::new();
            };
            let text = |name: &str| {
                ttl.get("TimeToLiveDescription").and_then(|ttl| ttl.get(name)?.as_str()).unwrap_or_default()
            };
            let on = text("TimeToLiveStatus").starts_with("ENABL") && text("AttributeName") == "ttl";
            one(!on, "the table's time to live on `ttl` is off")
        },
    },
    Check {
        id: "no-restore",
        severity: Severity::Warning,
        why: "if the table is emptied by mistake, it cannot be restored, and the audit trail is lost",
        fix: "run aws dynamodb update-continuous-backups, or deploy the stack",
        reference: "docs/operators/runbooks.md, Restore",
        find: |facts| {
            let Some(Found::Here(backups)) = facts.table.as_ref().and_then(|table| table.backups.as_ref())
            else {
                return Vec::new();
            };
            let status = backups.pointer(
                "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus",
            );
            one(
                status.and_then(Value::as_str) != Some("ENABLED"),
                "point-in-time recovery of the table is off",
            )
        },
    },
];

/// Returns whether the grant lets Cognito seal this pool's codes.
fn seals_codes(grant: &Value, facts: &Facts) -> bool {
    let principal = grant.get("GranteePrincipal").and_then(Value::as_str).unwrap_or_default();
    let operations = grant.get("Operations").and_then(Value::as_array).into_iter().flatten();
    let context = ["EncryptionContextSubset", "EncryptionContextEquals"]
        .into_iter()
        .find_map(|member| grant.get("Constraints")?.get(member)?.get("userpool-id")?.as_str());
    principal.contains("cognito-idp")
        && operations.filter_map(Value::as_str).any(|operation| operation.starts_with("GenerateDataKey"))
        && context.is_none_or(|pool| facts.pool_text("/Id") == Some(pool))
}
