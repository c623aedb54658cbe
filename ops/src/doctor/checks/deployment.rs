//! The functions, their rights, the table, the key and the senders' accounts.

use serde_json::Value;

use super::one;
use crate::doctor::facts::{Facts, Found, Function};
use crate::doctor::{Check, Severity};
use crate::live;
use crate::pool::{foreign_triggers, function_of};

/// The custom senders.
const SENDERS: [&str; 2] = ["CustomSMSSender", "CustomEmailSender"];
/// Cognito gives up after this long, whatever the function's own timeout (cognito.md §1.1).
const TRIGGER_SECONDS: i64 = 5;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "not-read",
        severity: Severity::Note,
        why: "AWS did not allow the call, so checks that need it were skipped",
        fix: "grant the permissions that docs/operators/deploy.md lists for doctor",
        reference: "docs/operators/deploy.md, Permissions",
        find: |facts| facts.unread.clone(),
    },
    Check {
        id: "trigger-missing",
        severity: Severity::Error,
        why: "the function is deployed, but Cognito does not call it",
        fix: "cognito-mfa attach",
        reference: "docs/operators/attach.md, Attach",
        find: |facts| {
            let wired = facts.triggers();
            let missing = facts.outputs.triggers.keys().filter(|trigger| !wired.contains_key(*trigger));
            missing.map(|trigger| format!("{trigger} is not set in the pool")).collect()
        },
    },
    Check {
        id: "trigger-foreign",
        severity: Severity::Error,
        why: "another function replaces one of this stack's, or runs where this stack expects none",
        fix: "chain its logic before or after this stack's function, or remove it",
        reference: "docs/reference/cognito.md, 1.1 Rules common to all triggers",
        find: |facts| {
            let foreign = foreign_triggers(&facts.state.pool, &facts.outputs);
            foreign.into_iter().map(|foreign| format!("{} is {}", foreign.trigger, foreign.arn)).collect()
        },
    },
    Check {
        id: "permission-missing",
        severity: Severity::Error,
        why: "Cognito cannot invoke the function: every request that needs it fails with AccessDeniedException",
        fix: "deploy the stack with this pool's id as UserPoolId",
        reference: "docs/reference/cognito.md, 1.1 Rules common to all triggers",
        find: |facts| {
            wired_functions(facts)
                .filter(|(_, function)| {
                    function.statements.as_ref().is_some_and(|all| !all.iter().any(|one| allows(one, facts)))
                })
                .map(|(trigger, function)| {
                    format!("{trigger}: no permission on {} for this pool", function.arn)
                })
                .collect()
        },
    },
    Check {
        id: "permission-wide",
        severity: Severity::Warning,
        why: "any pool of any account can invoke the function through Cognito (confused deputy)",
        fix: "allow cognito-idp.amazonaws.com only with SourceArn and SourceAccount",
        reference: "docs/reference/cognito.md, 1.1 Rules common to all triggers",
        find: |facts| {
            wired_functions(facts)
                .filter(|(_, function)| {
                    function.statements.iter().flatten().any(|one| is_cognitos(one) && source(one).is_none())
                })
                .map(|(trigger, function)| {
                    format!("{trigger}: {} has a permission without SourceArn", function.arn)
                })
                .collect()
        },
    },
    Check {
        id: "function-missing",
        severity: Severity::Error,
        why: "Cognito calls a function that does not exist: every request that needs it fails",
        fix: "deploy the stack, or detach",
        reference: "docs/reference/cognito.md, 1.2 How trigger outcomes reach the client",
        find: |facts| {
            let missing = |function: &Function| matches!(function.configuration, Some(Found::Missing));
            wired_functions(facts)
                .filter(|(_, function)| missing(function))
                .map(|(trigger, function)| format!("{trigger}: {} does not exist", function.arn))
                .collect()
        },
    },
    Check {
        id: "live-stale",
        severity: Severity::Error,
        why: "callers get the version of the alias live, so the deployed settings have no effect",
        fix: "cognito-mfa deploy; after a roll-back, first remove what the alarm reported",
        reference: "docs/operators/deploy.md, What a deployment changes",
        find: |facts| {
            facts
                .functions
                .iter()
                .chain(&facts.others)
                .filter_map(|(name, function)| {
                    let (Some(Found::Here(latest)), Some(Found::Here(live))) =
                        (&function.latest, &function.configuration)
                    else {
                        return None;
                    };
                    let differs = live::stale(latest, live);
                    (!differs.is_empty())
                        .then(|| format!("{name} has an earlier state of {}", differs.join(", ")))
                })
                .collect()
        },
    },
    Check {
        id: "function-of-another-pool",
        severity: Severity::Error,
        why: "the senders refuse codes that another pool sealed",
        fix: "deploy the stack with this pool's id as UserPoolId",
        reference: "docs/reference/cognito.md, 2.2 What a decryptor must do",
        find: |facts| differs(facts, "MFA_USER_POOL_ID", facts.pool_text("/Id")),
    },
    Check {
        id: "function-of-another-key",
        severity: Severity::Error,
        why: "the senders open codes only with their configured key",
        fix: "set the pool's KMSKeyID to the output CodeKeyArn: cognito-mfa attach",
        reference: "docs/reference/cognito.md, 2.2 What a decryptor must do",
        find: |facts| differs(facts, "MFA_CODE_KEY_ARN", facts.pool_text("/LambdaConfig/KMSKeyID")),
    },
    Check {
        id: "trigger-slow",
        severity: Severity::Warning,
        why: "Cognito waits 5 s and then retries; a longer timeout only costs more",
        fix: "set the function's Timeout to 5",
        reference: "docs/reference/cognito.md, 1.1 Rules common to all triggers",
        find: |facts| {
            let slow = |function: &Function| match &function.configuration {
                Some(Found::Here(configuration)) => {
                    configuration.get("Timeout").and_then(Value::as_i64).filter(|s| *s > TRIGGER_SECONDS)
                }
                _ => None,
            };
            wired_functions(facts)
                .filter(|(trigger, _)| !SENDERS.contains(trigger))
                .filter_map(|(trigger, function)| Some(format!("{trigger} can take {} s", slow(function)?)))
                .collect()
        },
    },
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
    Check {
        id: "sms-sandbox",
        severity: Severity::Error,
        why: "only ten verified numbers receive text messages; other users get no codes",
        fix: "ask AWS to move the account out of the SMS sandbox",
        reference: "docs/reference/cognito.md, 9.3 Other services",
        find: |facts| {
            let attributes = facts.sms.as_ref().and_then(|account| account.get("AccountAttributes"));
            let tier = attributes
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .find(|attribute| attribute.get("Name").and_then(Value::as_str) == Some("ACCOUNT_TIER"));
            let value = tier.and_then(|tier| tier.get("Value")?.as_str());
            one(
                value == Some("SANDBOX") && facts.triggers().contains_key("CustomSMSSender"),
                "the account is in the SMS sandbox",
            )
        },
    },
    Check {
        id: "sms-spend-limit",
        severity: Severity::Warning,
        why: "above the limit AWS silently stops sending text messages",
        fix: "raise the monthly limit: aws pinpoint-sms-voice-v2 set-text-message-spend-limit-override",
        reference: "docs/reference/cognito.md, 9.3 Other services",
        find: |facts| {
            let limits = facts.spending.as_ref().and_then(|limits| limits.get("SpendLimits"));
            let limit = limits.and_then(Value::as_array).into_iter().flatten().find(|limit| {
                limit.get("Name").and_then(Value::as_str) == Some("TEXT_MESSAGE_MONTHLY_SPEND_LIMIT")
            });
            let enforced = limit.and_then(|limit| limit.get("EnforcedLimit")?.as_i64());
            let low =
                enforced.filter(|limit| *limit <= 1 && facts.triggers().contains_key("CustomSMSSender"));
            low.map(|limit| format!("the account's monthly limit for text messages is {limit} USD"))
                .into_iter()
                .collect()
        },
    },
    Check {
        id: "ses-sandbox",
        severity: Severity::Error,
        why: "only verified addresses receive e-mails; other users get no codes",
        fix: "ask AWS for production access in SES",
        reference: "docs/reference/cognito.md, 9.3 Other services",
        find: |facts| {
            let account = facts.email.as_ref();
            let production = account.and_then(|account| account.get("ProductionAccessEnabled")?.as_bool());
            one(
                production == Some(false) && facts.triggers().contains_key("CustomEmailSender"),
                "the account is in the SES sandbox",
            )
        },
    },
    Check {
        id: "ses-off",
        severity: Severity::Error,
        why: "SES sends nothing for this account, so no code is sent by e-mail",
        fix: "find out why sending was paused, then run aws sesv2 put-account-sending-attributes",
        reference: "docs/reference/cognito.md, 9.3 Other services",
        find: |facts| {
            let account = facts.email.as_ref();
            let sends = account.and_then(|account| account.get("SendingEnabled")?.as_bool());
            one(
                sends == Some(false) && facts.triggers().contains_key("CustomEmailSender"),
                "sending is turned off in SES",
            )
        },
    },
];

/// Returns the functions that the pool calls and the stack has.
fn wired_functions(facts: &Facts) -> impl Iterator<Item = (&str, &Function)> {
    let wired = facts.triggers();
    facts.functions.iter().filter_map(move |(trigger, function)| {
        let called = wired.get(trigger).is_some_and(|arn| function_of(arn) == function_of(&function.arn));
        called.then_some((trigger.as_str(), function))
    })
}

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

fn is_cognitos(statement: &Value) -> bool {
    let principal = statement.pointer("/Principal/Service").and_then(Value::as_str);
    principal == Some("cognito-idp.amazonaws.com")
        && statement.get("Effect").and_then(Value::as_str) == Some("Allow")
}

fn source(statement: &Value) -> Option<&str> {
    ["ArnLike", "ArnEquals", "StringEquals", "StringLike"].into_iter().find_map(|operator| {
        let condition = statement.get("Condition")?.get(operator)?;
        condition.get("AWS:SourceArn").or_else(|| condition.get("aws:SourceArn"))?.as_str()
    })
}

fn allows(statement: &Value, facts: &Facts) -> bool {
    let source = source(statement);
    is_cognitos(statement) && (source.is_none() || source == facts.pool_text("/Arn"))
}

/// Returns the functions whose variable `name` has another value than `expected`.
fn differs(facts: &Facts, name: &str, expected: Option<&str>) -> Vec<String> {
    wired_functions(facts)
        .filter_map(|(trigger, function)| {
            let Some(Found::Here(configuration)) = &function.configuration else {
                return None;
            };
            let value = configuration.pointer("/Environment/Variables")?.get(name)?.as_str()?;
            (Some(value) != expected)
                .then(|| format!("{trigger} has {name} {value}, the pool has {}", expected.unwrap_or("none")))
        })
        .collect()
}

/// Faults that the local cloud cannot have. Every other check has its fault in `tests/operator/doctor.rs`.
#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;
    use shared::config::Policy;

    use super::*;
    use crate::outputs::StackOutputs;
    use crate::pool::PoolState;

    const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:ours";

    /// Returns a pool with both senders and one trigger, all ours, and no answers of AWS.
    fn facts() -> Facts {
        let sender = json!({ "LambdaVersion": "V1_0", "LambdaArn": ARN });
        let config = json!({ "PreSignUp": ARN, "CustomSMSSender": sender, "CustomEmailSender": sender });
        let triggers = ["PreSignUp", "CustomSMSSender", "CustomEmailSender"].map(str::to_owned);
        let function = |configuration: Value| Function {
            arn: ARN.to_owned(),
            statements: None,
            configuration: Some(Found::Here(configuration)),
            latest: None,
        };
        Facts {
            state: PoolState {
                pool: [("LambdaConfig".to_owned(), config)].into_iter().collect(),
                mfa: serde_json::Map::new(),
                clients: BTreeMap::new(),
            },
            outputs: StackOutputs {
                triggers: triggers.clone().map(|trigger| (trigger, ARN.to_owned())).into(),
                ..StackOutputs::default()
            },
            policy: Policy::default(),
            functions: triggers.map(|trigger| (trigger, function(json!({ "Timeout": 5 })))).into(),
            others: BTreeMap::new(),
            table: None,
            key: None,
            grants: None,
            sms: None,
            spending: None,
            email: None,
            unread: Vec::new(),
        }
    }

    fn found(facts: &Facts) -> BTreeSet<&'static str> {
        CHECKS.iter().filter(|check| !(check.find)(facts).is_empty()).map(|check| check.id).collect()
    }

    #[test]
    fn sandbox_disabled_key_and_slow_trigger_are_found() {
        assert_eq!(found(&facts()), BTreeSet::new());
        let tier =
            |tier: &str| Some(json!({ "AccountAttributes": [{ "Name": "ACCOUNT_TIER", "Value": tier }] }));
        let account = |production: bool| Some(json!({ "ProductionAccessEnabled": production }));
        let key = |state: &str| Some(Found::Here(json!({ "KeyMetadata": { "KeyState": state } })));
        let fine = Facts { sms: tier("PRODUCTION"), email: account(true), key: key("Enabled"), ..facts() };
        assert_eq!(found(&fine), BTreeSet::new());

        let mut faulty =
            Facts { sms: tier("SANDBOX"), email: account(false), key: key("PendingDeletion"), ..facts() };
        faulty.unread.push("GetAccount: AccessDeniedException".to_owned());
        for function in faulty.functions.values_mut() {
            function.configuration = Some(Found::Here(json!({ "Timeout": 15 })));
        }
        let due = ["key-unusable", "not-read", "ses-sandbox", "sms-sandbox", "trigger-slow"];
        assert_eq!(found(&faulty), due.into());
        let slow = CHECKS.iter().find(|check| check.id == "trigger-slow").unwrap();
        assert_eq!((slow.find)(&faulty), ["PreSignUp can take 15 s"], "senders have their own time");
    }

    #[test]
    fn an_alias_that_runs_an_earlier_version_is_found() {
        let configuration = |level: &str, layer: &str| {
            Some(Found::Here(json!({
                "Environment": { "Variables": { "LOG_LEVEL": level } }, "Layers": [{ "Arn": layer }],
            })))
        };
        let mut facts = facts();
        let trigger = facts.functions.get_mut("PreSignUp").unwrap();
        trigger.configuration = configuration("info", "layer:1");
        trigger.latest = configuration("warn", "layer:1");
        let other = Function {
            arn: ARN.to_owned(),
            statements: None,
            configuration: configuration("info", "layer:1"),
            latest: configuration("info", "layer:2"),
        };
        facts.others.insert("Deliver".to_owned(), other);
        assert_eq!(found(&facts), ["live-stale"].into());
        let check = CHECKS.iter().find(|check| check.id == "live-stale").unwrap();
        let what = [
            "PreSignUp has an earlier state of LOG_LEVEL",
            "Deliver has an earlier state of the overrides (layer)",
        ];
        assert_eq!((check.find)(&facts), what);
    }
}
