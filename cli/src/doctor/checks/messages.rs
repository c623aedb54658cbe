//! The account's rights to send text messages and e-mails.

use serde_json::Value;

use super::one;
use crate::doctor::{Check, Severity};

pub(super) const CHECKS: &[Check] = &[
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
    Check {
        id: "email-identity-unverified",
        severity: Severity::Error,
        why: "SES refuses the sender of the functions, so no code is sent by e-mail",
        fix: "verify the address or its domain in SES, in the functions' Region",
        reference: "docs/operators/deploy.md, Before you begin",
        find: |facts| {
            let is_called = facts.triggers().contains_key("CustomEmailSender");
            facts.sender_fault.iter().filter(|_| is_called).cloned().collect()
        },
    },
];
