use std::{fs, path::Path};

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use mfa_core::delivery::message::{Finding, Severity};

use crate::{
    literals,
    source::{self, Rule, error, line_of},
};

const SCHEMA: &str = include_str!("rules.cedarschema");

/// Returns all faults of the rules in a folder of overrides, before their deployment. They include every
/// fault that keeps a function from starting. Cedar's strict validation adds others, such as a misspelt
/// attribute.
pub fn check(config_dir: &Path) -> Vec<Finding> {
    let (rules, mut findings) = source::of_folder(config_dir);
    let validator = match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Validator::new(schema),
        Err(fault) => {
            return vec![error("rules".into(), None, format!("the schema cannot be read: {fault}"))];
        }
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
    // Warnings report rules that never refuse, and letters that look like others. Neither is intended.
    let warnings = result.validation_warnings().map(|fault| found(line_of(fault, &text), shown(fault)));
    // A rule that compares with such a text refuses no user, or every user.
    let impossible = literals::impossible(&rule.policy).into_iter().map(|text| found(None, text));
    errors.chain(warnings).chain(impossible).collect()
}

/// Returns the text without Cedar's name of the rule, which is a number. The line identifies the rule.
fn shown(fault: &impl ToString) -> String {
    let text = fault.to_string();
    match text.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::CedarRules;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join("rules").join(name), text).unwrap();
        }
        folder
    }

    fn said(findings: &[Finding]) -> String {
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    const BROKEN: [(&str, &str); 5] = [
        ("10-syntax.cedar", "\nforbid (principal, action, resource)\nwhen { context.now > };\n"),
        (
            "20-forms.cedar",
            "permit (principal, action, resource);\n\n@mesage(\"No\")\n@message(\"No.\")\nforbid (principal, action == \
             Action::\"Signup\", resource);\n",
        ),
        ("30-template.cedar", "\n\nforbid (principal == ?principal, action, resource);\n"),
        ("notes.txt", ""),
        (
            "40-fine.cedar",
            "forbid (principal, action == Action::\"SignUp\", resource) unless { context has email };\n",
        ),
    ];

    /// The start of a function and the check report all faults at once.
    #[test]
    fn what_is_no_rule_keeps_a_function_from_starting() {
        let folder = folder(&BROKEN);
        let at_start = CedarRules::of_folder(folder.path()).unwrap_err();
        insta::assert_snapshot!(said(&at_start), @r#"
        rules/10-syntax.cedar:3: error: unexpected token `}`
        rules/20-forms.cedar:1: error: `permit` is not a rule here; every request is allowed unless a rule forbids it: write `forbid … unless { … }`
        rules/20-forms.cedar:3: error: @message must not end with a full stop, which Cognito adds
        rules/20-forms.cedar:3: error: there is no action Action::"Signup": use SignUp or SignIn
        rules/20-forms.cedar:3: error: there is no annotation @mesage: use @message
        rules/30-template.cedar:3: error: templates are not supported: write the value instead of `?`
        rules/notes.txt: error: ignored: rules are files that end in .cedar
        "#);
        let config_dir = |name: &str| (name == "MFA_CONFIG_DIR").then(|| folder.path().display().to_string());
        let problems = mfa_core::config::load(&config_dir, crate::read).unwrap_err();
        assert_eq!(problems.0.len(), at_start.len());
        let checked = check(folder.path());
        assert!(at_start.iter().all(|finding| checked.contains(finding)));
    }

    /// These rules would run, but not as intended.
    #[test]
    fn the_check_holds_rules_against_the_schema() {
        let folder = folder(&[(
            "10-careless.cedar",
            "forbid (principal, action, resource)\nwhen { context.emailDomain == \"spam.example\" };\n\n\
             forbid (principal, action, resource)\nwhen { context has emailDomian };\n\n\
             forbid (principal, action, resource)\nwhen { principal.getTag(\"custom:team\") == \"sales\" };\n\n\
             forbid (principal, action, resource)\nwhen { context.appVersions.hasTag(\"v\") && \
             context.appVersions.getTag(\"v\") < \"2\" };\n\n\
             forbid (principal, action, resource == Cleint::\"a\");\n",
        )]);
        assert!(CedarRules::of_folder(folder.path()).is_ok(), "a function starts with them");
        insta::assert_snapshot!(said(&check(folder.path())), @r#"
        rules/10-careless.cedar:2: error: unable to guarantee safety of access to optional attribute `emailDomain` in context for Action::"SignIn"
        rules/10-careless.cedar:2: error: unable to guarantee safety of access to optional attribute `emailDomain` in context for Action::"SignUp"
        rules/10-careless.cedar:4: error: policy is impossible: the policy expression evaluates to false for all valid requests
        rules/10-careless.cedar:8: error: unable to guarantee safety of access to tag `"custom:team"` on entity type `User`
        rules/10-careless.cedar:11: error: unexpected type: expected Long but saw String
        rules/10-careless.cedar:13: error: unable to find an applicable action given the policy scope constraints
        rules/10-careless.cedar:13: error: unrecognized entity type `Cleint`
        "#);
    }

    #[test]
    fn without_rules_no_engine_starts() {
        let empty = tempfile::tempdir().unwrap();
        assert!(CedarRules::of_folder(empty.path()).unwrap().is_none());
        assert_eq!(check(empty.path()), []);
        assert!(CedarRules::of_folder(folder(&[]).path()).unwrap().is_none());
    }

    #[test]
    fn the_samples_are_rules() {
        let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators");
        assert_eq!(said(&check(&samples)), "");
        assert!(CedarRules::of_folder(&samples).unwrap().is_some());
    }
}
