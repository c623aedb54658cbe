//! `cognito-mfa doctor`: finds faults of a pool, its app clients and the deployment.
//!
//! Facts are gathered first, then every check uses only them. To add a check, add an entry in a table of
//! `checks/`, and a fault for it in `tests/operator/doctor.rs`.

mod checks;
mod facts;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use mfa_core::config::Policy;
use serde::Serialize;
use serde_json::json;

use crate::aws::Aws;
use crate::check::check;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::outputs::StackOutputs;
use crate::progress::Progress;
use facts::Facts;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[arg(long, value_name = "ID")]
    user_pool_id: String,
    /// The stack's outputs, as for `attach`
    #[arg(long, value_name = "FILE")]
    stack_outputs: PathBuf,
    /// The folder with the deployed overrides: policy.toml and messages/
    #[arg(long, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// Skip this check; each finding shows its id in brackets. Can be repeated
    #[arg(long, value_name = "ID")]
    except: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Broken, or open to attack.
    Error,
    /// Works, but should be changed.
    Warning,
    /// The check could not run, or the finding is optional. It does not change the exit code.
    Note,
}

/// A check for one fault.
struct Check {
    id: &'static str,
    severity: Severity,
    why: &'static str,
    fix: &'static str,
    /// A section of docs/reference/cognito.md or another document of this repository.
    reference: &'static str,
    /// Returns a description for each place that has the fault.
    find: fn(&Facts) -> Vec<String>,
}

#[derive(Debug, Serialize)]
struct Finding {
    id: &'static str,
    severity: Severity,
    what: String,
    why: &'static str,
    fix: &'static str,
    reference: &'static str,
}

impl Doctor {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let outputs = StackOutputs::read(&self.stack_outputs)?;
        let policy = match &self.config_dir {
            Some(folder) => check(folder)?.0,
            None => Policy::default(),
        };
        let progress = Progress::new();
        let facts = Facts::gather(aws, &self.user_pool_id, outputs, policy, &progress).await?;
        progress.done();

        let mut findings = look(&facts);
        findings.retain(|finding| !self.except.iter().any(|id| id == finding.id));
        for Finding { id, severity, what, why, fix, reference } in &findings {
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            output.line(format_args!(
                "{severity}[{id}]: {what}\n  why:  {why}\n  fix:  {fix}\n  see:  {reference}"
            ));
        }
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Output::note(format_args!(
            "{} checks: {errors} error(s), {warnings} warning(s)",
            checks::all().count()
        ));
        output.result(&json!({ "errors": errors, "warnings": warnings, "findings": findings }));
        Ok(match (errors, warnings) {
            (0, 0) => ExitStatus::Done,
            (0, _) => ExitStatus::Warnings,
            _ => ExitStatus::Errors,
        })
    }
}

/// Returns all findings for `facts`, the worst first.
fn look(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> = checks::all()
        .flat_map(|check| {
            (check.find)(facts).into_iter().map(|what| Finding {
                id: check.id,
                severity: check.severity,
                what,
                why: check.why,
                fix: check.fix,
                reference: check.reference,
            })
        })
        .collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}
