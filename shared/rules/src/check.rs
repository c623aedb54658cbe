use std::{fs, path::Path};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use shared::delivery::{Finding, Severity};

use crate::source::{self, Rule, error, line_of};

const SCHEMA: &str = include_str!("rules.cedarschema");

/// Everything wrong with the rules of a folder of overrides, before they are deployed: what would keep a
/// function from starting, and what Cedar's strict validation finds beyond, a misspelt attribute for
/// example.
pub fn check(config_dir: &Path) -> Vec<Finding> {
    let (rules, mut findings) = source::of_folder(config_dir);
    let validator = match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Validator::new(schema),
        Err(fault) => return vec![error("rules".into(), None, format!("the schema can't be read: {fault}"))],
    };
    for rule in &rules {
        findings.extend(validate(&validator, config_dir, rule));
    }
    findings.sort();
    findings
}

fn validate(validator: &Validator, config_dir: &Path, rule: &Rule) -> Vec<Finding> {
    let found = |line: Option<usize>, text: String| Finding {
        file: rule.file.clone(),
        line: Some(line.unwrap_or(rule.line)),
        severity: Severity::Error,
        text,
    };
    let policies = match PolicySet::from_policies([rule.policy.clone()]) {
        Ok(policies) => policies,
        Err(fault) => return vec![found(None, fault.to_string())],
    };
    let text = fs::read_to_string(config_dir.join(&rule.file)).unwrap_or_default();
    let result = validator.validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|fault| found(line_of(fault, &text), shown(fault)));
    // Warnings are of rules that never refuse, and of letters that look like others: neither is meant.
    let warnings = result.validation_warnings().map(|fault| found(line_of(fault, &text), shown(fault)));
    errors.chain(warnings).collect()
}

/// Without the name that the rule has for Cedar, which is a number; the line says which it is.
fn shown(fault: &impl ToString) -> String {
    let text = fault.to_string();
    match text.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => text,
    }
}
