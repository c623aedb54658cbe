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
        why: "Define, Create and Verify work as a set: without one of them every custom sign-in fails",
        mend: "cognito-mfa attach, or take the others out",
        reference: "docs/COGNITO.md, 1.1 Rules common to all triggers",
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
        why: "Cognito's default sender sends 50 e-mails a day for the whole account",
        mend: "cognito-mfa attach, or set EmailConfiguration with an SES identity",
        reference: "docs/COGNITO.md, 9.2 Sizes and times",
        find: |facts| {
            let own = facts.pool_text("/EmailConfiguration/EmailSendingAccount") == Some("DEVELOPER");
            let sender = facts.triggers().contains_key("CustomEmailSender");
            one(!own && !sender, "e-mails go out through Cognito's default sender")
        },
    },
    Check {
        id: "sms-role-open",
        severity: Severity::Warning,
        why: "without an ExternalId other pools may send text messages with this role (confused deputy)",
        mend: "set SmsConfiguration.ExternalId, and ask for it in the role's trust policy",
        reference: "docs/COGNITO.md, 4.1 Pool states",
        find: |facts| {
            let open = facts.pool("/SmsConfiguration").is_some()
                && facts.pool_text("/SmsConfiguration/ExternalId").is_none_or(str::is_empty);
            one(open, "the SMS role is used without an ExternalId")
        },
    },
    Check {
        id: "address-changes-unverified",
        severity: Severity::Warning,
        why: "a new address counts at once: a typo, or a thief, takes the account's codes",
        mend: "name it in UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
        reference: "docs/COGNITO.md, 4.3 Which factor Cognito asks for at sign-in",
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
        why: "anybody may sign up with somebody else's address, and no code proves that it is theirs",
        mend: "name it in AutoVerifiedAttributes",
        reference: "docs/COGNITO.md, 1.5 Pre sign-up",
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
        why: "one call deletes the pool and all its users; there is no backup",
        mend: "set DeletionProtection to ACTIVE",
        reference: "docs/OPERATIONS.md, Restore",
        find: |facts| {
            one(facts.pool_text("/DeletionProtection") != Some("ACTIVE"), "the pool may be deleted")
        },
    },
    Check {
        id: "names-case-sensitive",
        severity: Severity::Warning,
        why: "Alex@example.com and alex@example.com are two users: support and look-alikes suffer",
        mend: "can't be changed after creation: make the next pool with CaseSensitive false",
        reference: "docs/COGNITO.md, 3.3 Request parameters",
        find: |facts| {
            let sensitive = facts.pool("/UsernameConfiguration/CaseSensitive").and_then(Value::as_bool);
            one(sensitive != Some(false), "user names are case-sensitive")
        },
    },
    Check {
        id: "password-short",
        severity: Severity::Warning,
        why: "shorter than NIST SP 800-63B asks for",
        mend: "set Policies.PasswordPolicy.MinimumLength to 8 or more",
        reference: "docs/COGNITO.md, 9.2 Sizes and times",
        find: |facts| {
            let length = facts.pool("/Policies/PasswordPolicy/MinimumLength").and_then(Value::as_i64);
            let short = length.filter(|length| *length < SHORTEST_PASSWORD);
            short.map(|length| format!("passwords of {length} characters")).into_iter().collect()
        },
    },
    Check {
        id: "temporary-password-long",
        severity: Severity::Warning,
        why: "a temporary password in an old message opens an account that nobody has used yet",
        mend: "set Policies.PasswordPolicy.TemporaryPasswordValidityDays to 7 or less",
        reference: "docs/COGNITO.md, 2.3 Plaintext",
        find: |facts| {
            let days = facts.pool("/Policies/PasswordPolicy/TemporaryPasswordValidityDays");
            let long = days.and_then(Value::as_i64).filter(|days| *days > LONGEST_TEMPORARY_PASSWORD_DAYS);
            long.map(|days| format!("temporary passwords are valid for {days} days")).into_iter().collect()
        },
    },
    Check {
        id: "sign-up-differs",
        severity: Severity::Warning,
        why: "policy.toml and the pool say different things of who may sign up; the stricter one holds",
        mend: "set sign_up.open in policy.toml to what AdminCreateUserConfig.AllowAdminCreateUserOnly says",
        reference: "docs/COGNITO.md, 1.5 Pre sign-up",
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
