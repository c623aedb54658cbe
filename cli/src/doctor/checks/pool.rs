//! The pool's own settings.

use serde_json::Value;

use super::one;
use crate::doctor::facts::Facts;
use crate::doctor::{Check, Severity};

const TRIGGER_SET: [&str; 3] = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"];
/// NIST SP 800-63B: at least 8 characters.
const SHORTEST_PASSWORD: i64 = 8;
const LONGEST_TEMPORARY_PASSWORD_DAYS: i64 = 7;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "custom-auth-incomplete",
        severity: Severity::Error,
        why: "Define, Create and Verify work only as a set: if one is missing, every custom sign-in fails",
        fix: "cognito-mfa attach, or remove the others",
        reference: "docs/reference/cognito.md, 1.1 Rules common to all triggers",
        find: |facts| {
            let wired = facts.triggers();
            let missing: Vec<_> =
                TRIGGER_SET.into_iter().filter(|trigger| !wired.contains_key(*trigger)).collect();
            let some = !missing.is_empty() && missing.len() < TRIGGER_SET.len();
            one(some, format!("custom authentication without {}", missing.join(", ")))
        },
    },
    Check {
        id: "email-default-sender",
        severity: Severity::Warning,
        why: "Cognito's default sender is limited to 50 e-mails a day for the whole account",
        fix: "cognito-mfa attach, or set EmailConfiguration with an SES identity",
        reference: "docs/reference/cognito.md, 9.2 Sizes and times",
        find: |facts| {
            let own = facts.pool_text("/EmailConfiguration/EmailSendingAccount") == Some("DEVELOPER");
            let sender = facts.triggers().contains_key("CustomEmailSender");
            one(!own && !sender, "e-mails go out through Cognito's default sender")
        },
    },
    Check {
        id: "sms-role-open",
        severity: Severity::Warning,
        why: "without an ExternalId, other pools can send text messages with this role (confused deputy)",
        fix: "set SmsConfiguration.ExternalId, and ask for it in the role's trust policy",
        reference: "docs/reference/cognito.md, 4.1 Pool states",
        find: |facts| {
            let open = facts.pool("/SmsConfiguration").is_some()
                && facts.pool_text("/SmsConfiguration/ExternalId").is_none_or(str::is_empty);
            one(open, "the SMS role is used without an ExternalId")
        },
    },
    Check {
        id: "address-changes-unverified",
        severity: Severity::Warning,
        why: "a new address takes effect at once: after a typo or a theft, another person receives the account's codes",
        fix: "add it to UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
        reference: "docs/reference/cognito.md, 4.3 Which factor Cognito asks for at sign-in",
        find: |facts| {
            let guarded =
                facts.pool_list("/UserAttributeUpdateSettings/AttributesRequireVerificationBeforeUpdate");
            let verified = facts.pool_list("/AutoVerifiedAttributes");
            let open = verified.into_iter().filter(|attribute| !guarded.contains(attribute));
            open.map(|attribute| format!("{attribute} changes before it is verified")).collect()
        },
    },
    Check {
        id: "sign-in-name-unverified",
        severity: Severity::Warning,
        why: "anyone can sign up with another person's address, because no code verifies it",
        fix: "add it to AutoVerifiedAttributes",
        reference: "docs/reference/cognito.md, 1.5 Pre sign-up",
        find: |facts| {
            let verified = facts.pool_list("/AutoVerifiedAttributes");
            let mut names = facts.pool_list("/UsernameAttributes");
            names.extend(facts.pool_list("/AliasAttributes"));
            names.retain(|name| *name != "preferred_username" && !verified.contains(name));
            names
                .into_iter()
                .map(|name| format!("users sign in with {name}, which is not verified"))
                .collect()
        },
    },
    Check {
        id: "deletion-unprotected",
        severity: Severity::Warning,
        why: "one call deletes the pool and all its users, and there is no backup",
        fix: "set DeletionProtection to ACTIVE",
        reference: "docs/operators/runbooks.md, Restore",
        find: |facts| {
            one(facts.pool_text("/DeletionProtection") != Some("ACTIVE"), "the pool can be deleted")
        },
    },
    Check {
        id: "names-case-sensitive",
        severity: Severity::Warning,
        why: "Alex@example.com and alex@example.com are two users, which confuses users and support",
        fix: "cannot be changed after creation: create the next pool with CaseSensitive false",
        reference: "docs/reference/cognito.md, 3.3 Request parameters",
        find: |facts| {
            let sensitive = facts.pool("/UsernameConfiguration/CaseSensitive").and_then(Value::as_bool);
            one(sensitive != Some(false), "user names are case-sensitive")
        },
    },
    Check {
        id: "password-short",
        severity: Severity::Warning,
        why: "NIST SP 800-63B requires longer passwords",
        fix: "set Policies.PasswordPolicy.MinimumLength to 8 or more",
        reference: "docs/reference/cognito.md, 9.2 Sizes and times",
        find: |facts| {
            let length = facts.pool("/Policies/PasswordPolicy/MinimumLength").and_then(Value::as_i64);
            let short = length.filter(|length| *length < SHORTEST_PASSWORD);
            short.map(|length| format!("passwords of {length} characters")).into_iter().collect()
        },
    },
    Check {
        id: "temporary-password-long",
        severity: Severity::Warning,
        why: "a temporary password in an old message still opens an unused account",
        fix: "set Policies.PasswordPolicy.TemporaryPasswordValidityDays to 7 or less",
        reference: "docs/reference/cognito.md, 2.3 Plaintext",
        find: |facts| {
            let days = facts.pool("/Policies/PasswordPolicy/TemporaryPasswordValidityDays");
            let long = days.and_then(Value::as_i64).filter(|days| *days > LONGEST_TEMPORARY_PASSWORD_DAYS);
            long.map(|days| format!("temporary passwords are valid for {days} days")).into_iter().collect()
        },
    },
    Check {
        id: "sign-up-differs",
        severity: Severity::Warning,
        why: "policy.toml and the pool disagree on who can sign up; the stricter setting applies",
        fix: "make sign_up.open in policy.toml match AdminCreateUserConfig.AllowAdminCreateUserOnly",
        reference: "docs/reference/cognito.md, 1.5 Pre sign-up",
        find: |facts| differing_sign_up(facts),
    },
];

fn differing_sign_up(facts: &Facts) -> Vec<String> {
    let closed = facts.pool("/AdminCreateUserConfig/AllowAdminCreateUserOnly").and_then(Value::as_bool);
    let closed = closed.unwrap_or_default();
    let word = |open: bool| if open { "open" } else { "closed" };
    let open = facts.policy.sign_up.open;
    one(open == closed, format!("sign-up is {} in policy.toml and {} in the pool", word(open), word(!closed)))
}
