use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;

use anyhow::{Context as _, Result};
use mfa_core::assurance::PasswordRecovery;
use mfa_core::config::{self, Policy, Problems, check_policy, line_of};
use mfa_core::custom_auth::{Weakness, weaknesses};
use mfa_core::delivery::{
    self,
    message::{Finding, Severity},
    toll_fraud::GovernorRules,
};

use crate::exit_status::ExitStatus;

/// Prints every problem as `FILE:LINE: …`. Fails if one of them is an error.
pub(crate) fn run(folder: &Path) -> Result<ExitStatus> {
    let (_, findings) = check(folder)?;
    let mut out = stdout().lock();
    for finding in &findings {
        writeln!(out, "{}/{finding}", folder.display())?;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    eprintln!("{}: {errors} error(s), {warnings} warning(s)", folder.display());
    Ok(if errors == 0 { ExitStatus::Done } else { ExitStatus::Failed })
}

/// Returns the folder's policy, as far as it is valid, and all findings of the folder.
pub(crate) fn check(folder: &Path) -> Result<(Policy, Vec<Finding>)> {
    let mut findings = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        if !["policy.toml", "messages", "rules"].iter().any(|known| name == *known) {
            findings.push(Finding {
                file: name.into(),
                line: None,
                severity: Severity::Error,
                text: "ignored: only policy.toml, messages/ and rules/ are read".into(),
            });
        }
    }
    let overrides = match fs::read_to_string(folder.join("policy.toml")) {
        Ok(overrides) => Some(overrides),
        Err(fault) if fault.kind() == ErrorKind::NotFound => None,
        Err(fault) => return Err(fault).context("policy.toml"),
    };
    let policy = match &overrides {
        Some(overrides) => check_policy(overrides).unwrap_or_else(|problems| {
            findings.extend(problems.into_iter().map(|(line, text)| Finding {
                file: "policy.toml".into(),
                line,
                severity: Severity::Error,
                text,
            }));
            Policy::default()
        }),
        None => Policy::default(),
    };
    findings.extend(strength(&policy, overrides.as_deref().unwrap_or_default()));
    // Finds what the number plan does not know, because the senders would not start with it.
    let rules = config::load(&|_| None, |environment| GovernorRules::read(&policy, environment));
    if let Err(Problems(problems)) = rules {
        findings.extend(problems.into_iter().map(|problem| Finding {
            file: "policy.toml".into(),
            line: None,
            severity: Severity::Error,
            text: problem.trim_start_matches("policy.toml: ").to_owned(),
        }));
    }
    findings.extend(delivery::message::check(&policy.messages, folder));
    findings.extend(mfa_rules::check(folder));
    findings.sort();
    Ok((policy, findings))
}

/// Every value of `MFA_PASSWORD_RECOVERY`. A folder does not say which value a deployment has.
const RECOVERIES: [(&str, PasswordRecovery); 4] = [
    ("email", PasswordRecovery { email: true, sms: false }),
    ("sms", PasswordRecovery { email: false, sms: true }),
    ("email,sms", PasswordRecovery { email: true, sms: true }),
    ("none", PasswordRecovery { email: false, sms: false }),
];

/// Describes a weakness in words. `doctor` says the same about a deployment.
pub(crate) fn meaning(weakness: Weakness) -> &'static str {
    match weakness {
        Weakness::ChannelIsEnough => {
            "a code to the channel that resets the password counts beside it, so a mailbox can be enough"
        }
        Weakness::NoWayIn => {
            "no user can sign in: too few kinds count, and a trusted device comes after a sign-in"
        }
        Weakness::NoFirstFactor => {
            "a user without an authenticator can't sign in here, and can't set one up here"
        }
        Weakness::AuthenticatorLocksOut => {
            "a user who sets up an authenticator can't sign in again without other factors: set keep_weaker, or \
             count totp and ask for fewer factors"
        }
    }
}

/// Returns weak or impossible parts of the policy, and the values of `MFA_PASSWORD_RECOVERY` that make them
/// so.
fn strength(policy: &Policy, overrides: &str) -> Vec<Finding> {
    let mut found = BTreeMap::<_, Vec<&str>>::new();
    for (name, recovery) in RECOVERIES {
        for weak in weaknesses(&policy.custom_auth, recovery) {
            found.entry(weak).or_default().push(name);
        }
    }
    let findings = found.into_iter().map(|((key, weakness), recoveries)| {
        let is_always = recoveries.len() == RECOVERIES.len();
        let condition = if is_always {
            String::new()
        } else {
            format!(" (if MFA_PASSWORD_RECOVERY is {})", recoveries.join(" or "))
        };
        let is_broken = is_always && weakness == Weakness::NoWayIn;
        let text = format!("{key}: {}{condition}", meaning(weakness));
        Finding {
            file: "policy.toml".into(),
            line: line_of(overrides, &text),
            severity: if is_broken { Severity::Error } else { Severity::Warning },
            text,
        }
    });
    findings.collect()
}
