//! A file of an operator's rules.

use std::fs;

use jiff::Timestamp;
use mfa_core::{
    delivery::message::Finding,
    kernel::{EmailAddress, PhoneNumber},
    rules::{Phone, RuleAction, RuleQuestion, RuleVerdict, Rules as _},
};
use mfa_rules::{CedarRules, check};
use tempfile::TempDir;

fn question(action: RuleAction) -> RuleQuestion<'static> {
    RuleQuestion {
        action,
        now: Timestamp::from_second(1_767_323_045).expect("a time"),
        user_name: "alex",
        app_client: "1example23456789exampleab",
        provider: None,
        email: EmailAddress::parse("alex@example.com").ok(),
        phone: PhoneNumber::parse("+12025550123").ok().map(|number| Phone {
            number,
            country: Some("US".to_owned()),
            kind: "fixed-line-or-mobile",
        }),
        attributes: vec![("email", "alex@example.com"), ("custom:team", "sales")],
        app_data: vec![("version", "1.2.3"), ("build", "17"), ("invite", "")],
    }
}

/// Checks that any text is accepted, or refused with its findings. A function that starts with it decides the
/// same way twice.
pub fn text(bytes: &[u8]) {
    let Some(text) = super::utf8(bytes) else { return };
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("rules")).expect("a folder");
    fs::write(folder.path().join("rules/10-fuzzed.cedar"), text).expect("a file");
    let checked = check(folder.path());
    let lines = text.split('\n').count();
    for finding in &checked {
        assert!(!finding.text.trim().is_empty(), "an empty finding");
        assert!(finding.line.is_none_or(|line| (1..=lines).contains(&line)), "line of {lines}: {finding}");
    }
    match CedarRules::of_folder(folder.path()) {
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason: {text}");
            // Any fault that keeps a function from starting is found before it is deployed.
            let unknown: Vec<&Finding> = findings.iter().filter(|found| !checked.contains(found)).collect();
            assert!(unknown.is_empty(), "not in the check: {unknown:?}");
        }
        Ok(None) => assert!(checked.is_empty(), "no rules, and still {checked:?}"),
        Ok(Some(rules)) => {
            for action in RuleAction::ALL {
                let verdict = rules.decide(&question(action));
                assert_eq!(verdict, rules.decide(&question(action)), "decided twice");
                if let RuleVerdict::Refused { rule, .. } | RuleVerdict::Undecided { rule } = &verdict {
                    let line = rule.strip_prefix("10-fuzzed.cedar:").and_then(|line| line.parse().ok());
                    let is_known = line.is_some_and(|line: usize| (1..=lines).contains(&line));
                    assert!(is_known || rule == "the question", "refused by {rule}, which is no rule");
                }
            }
        }
    }
}
