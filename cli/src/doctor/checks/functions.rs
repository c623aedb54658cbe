//! The functions, their triggers and their resource policies.

use serde_json::Value;

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
        why: "another function replaces one of this stack's, or runs where this stack has no function",
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
];

/// Returns the functions that the pool calls and the stack has.
fn wired_functions(facts: &Facts) -> impl Iterator<Item = (&str, &Function)> {
    let wired = facts.triggers();
    facts.functions.iter().filter_map(move |(trigger, function)| {
        let called = wired.get(trigger).is_some_and(|arn| function_of(arn) == function_of(&function.arn));
        called.then_some((trigger.as_str(), function))
    })
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
