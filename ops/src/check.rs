use std::fs;
use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;

use anyhow::{Context as _, Result};
use shared::config::{self, Policy, Problems, check_policy};
use shared::delivery::{self, Finding, GovernorRules, Severity};

use crate::ending::Ending;

/// Says every problem as `FILE:LINE: …`; fails if there is an error among them.
pub(crate) fn run(folder: &Path) -> Result<Ending> {
    let (_, findings) = check(folder)?;
    let mut out = stdout().lock();
    for finding in &findings {
        writeln!(out, "{}/{finding}", folder.display())?;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    eprintln!("{}: {errors} error(s), {warnings} warning(s)", folder.display());
    Ok(if errors == 0 { Ending::Done } else { Ending::Failed })
}

/// The policy of a folder, as far as it is one, and everything found in the folder.
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
    let policy = match fs::read_to_string(folder.join("policy.toml")) {
        Ok(overrides) => check_policy(&overrides).unwrap_or_else(|problems| {
            findings.extend(problems.into_iter().map(|(line, text)| Finding {
                file: "policy.toml".into(),
                line,
                severity: Severity::Error,
                text,
            }));
            Policy::default()
        }),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Policy::default(),
        Err(fault) => return Err(fault).context("policy.toml"),
    };
    // What the number plan does not know; the senders would not start with it.
    let rules = config::load(&|_| None, |environment| GovernorRules::read(&policy, environment));
    if let Err(Problems(problems)) = rules {
        findings.extend(problems.into_iter().map(|problem| Finding {
            file: "policy.toml".into(),
            line: None,
            severity: Severity::Error,
            text: problem.trim_start_matches("policy.toml: ").to_owned(),
        }));
    }
    findings.extend(delivery::check(&policy.messages, folder));
    findings.extend(shared_rules::check(folder));
    findings.sort();
    Ok((policy, findings))
}
