//! `cognito-mfa deploy`: from a checkout to a stack, by the SAM command line.

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use shared::delivery::Severity;

use crate::check;
use crate::ending::Ending;
use crate::outputs::StackOutputs;
use crate::say::Say;

/// What has to be installed, and where it comes from.
const NEEDED: [(&str, &str); 2] = [
    ("sam", "the AWS SAM CLI: pip install aws-sam-cli"),
    ("cargo-lambda", "which builds the Rust functions: pip install cargo-lambda"),
];

const TEMPLATE: &str = "template.yaml";
const CHECKOV: &str = ".checkov.yaml";
/// Beside the template: what the layer with the operator's overrides is made from.
const OVERRIDES: &str = "overrides/cognito-mfa";

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Use this environment of samconfig.toml
    #[arg(long, value_name = "NAME", default_value = "prod")]
    env: String,
    /// The folder with template.yaml, samconfig.toml and overrides/
    #[arg(long, value_name = "FOLDER", default_value = "infra")]
    infra: PathBuf,
    /// Use this stack instead of samconfig.toml's
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,
    /// Write the stack's outputs to this file, for `attach` and `doctor`
    #[arg(long, value_name = "FILE", default_value = "outputs.json")]
    outputs: PathBuf,
    /// Create and show a change set without executing it
    #[arg(long)]
    dry_run: bool,
    /// Do not prompt; take every parameter from samconfig.toml
    #[arg(long)]
    yes: bool,
}

impl Deploy {
    pub(crate) fn run(&self, profile: Option<&str>, region: Option<&str>, say: Say) -> Result<Ending> {
        ensure!(
            self.dry_run || self.yes || stdin().is_terminal(),
            "this is not a terminal: pass --yes or --dry-run"
        );
        let missing: Vec<_> = NEEDED
            .into_iter()
            .filter(|(program, _)| which::which(program).is_err())
            .map(|(program, what)| format!("{program} is missing, {what}"))
            .collect();
        ensure!(missing.is_empty(), "{}", missing.join("; "));

        if !self.overrides_are_right()? {
            say.result(&json!({ "outcome": "refused" }));
            return Ok(Ending::Refused);
        }
        let env = ["--config-env", &self.env];
        for template in self.templates()? {
            self.sam("validate", &[&["--lint", "--template-file", &template][..], &env].concat())?;
        }
        self.sam("build", &env)?;

        let account: Vec<_> = [("--profile", profile), ("--region", region)]
            .into_iter()
            .chain([("--stack-name", self.stack_name.as_deref())])
            .filter_map(|(flag, value)| Some([flag, value?]))
            .flatten()
            .collect();
        let how: &[&str] = match (self.dry_run, self.yes) {
            (true, _) => &["--no-execute-changeset"],
            (false, true) => &["--no-confirm-changeset", "--no-fail-on-empty-changeset"],
            (false, false) => &["--guided"],
        };
        self.sam("deploy", &[&env[..], how, &account].concat())?;
        if self.dry_run {
            Say::note("nothing was changed; review the change set in CloudFormation, then delete it");
            say.result(&json!({ "outcome": "dry-run" }));
            return Ok(Ending::Done);
        }

        let list = [&["list", "stack-outputs", "--output", "json"], &env[..], &account].concat();
        let listed = self.command(&list).stdout(Stdio::piped()).output().context("sam")?;
        ensure!(listed.status.success(), "sam list stack-outputs: {}", listed.status);
        fs::write(&self.outputs, &listed.stdout).with_context(|| self.outputs.display().to_string())?;
        let outputs = StackOutputs::read(&self.outputs)?;
        let file = self.outputs.display();
        let attach = if outputs.makes_pool {
            String::new()
        } else {
            format!(
                "\n  cognito-mfa attach --user-pool-id ID --stack-outputs {file} --record attached.json --dry-run"
            )
        };
        Say::note(format_args!(
            "deployed, {} triggers; next:{attach}\n  \
             cognito-mfa doctor --user-pool-id {} --stack-outputs {file}",
            outputs.triggers.len(),
            outputs.user_pool_id.as_deref().unwrap_or("ID"),
        ));
        let listed: Value = serde_json::from_slice(&listed.stdout)?;
        say.result(&json!({ "outcome": "deployed", "outputs": listed }));
        Ok(Ending::Done)
    }

    /// The template, then those of the stacks in it.
    fn templates(&self) -> Result<Vec<String>> {
        let mut within = Vec::new();
        for entry in fs::read_dir(&self.infra).with_context(|| self.infra.display().to_string())? {
            let path = PathBuf::from(entry?.file_name());
            let is_template = path.extension().is_some_and(|end| end == "yaml");
            if is_template && path != Path::new(TEMPLATE) && path != Path::new(CHECKOV) {
                within.push(path.display().to_string());
            }
        }
        within.sort();
        Ok([vec![TEMPLATE.to_owned()], within].concat())
    }

    fn overrides_are_right(&self) -> Result<bool> {
        let folder = self.infra.join(OVERRIDES);
        let (_, findings) = check::check(&folder)?;
        for finding in &findings {
            Say::note(format_args!("{}/{finding}", folder.display()));
        }
        Ok(findings.iter().all(|finding| finding.severity != Severity::Error))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut sam = Command::new("sam");
        sam.args(arguments).current_dir(&self.infra);
        sam
    }

    /// What it prints is for people, and must not get between a result as JSON.
    fn sam(&self, command: &str, flags: &[&str]) -> Result<()> {
        Say::note(format_args!("==> sam {command}"));
        let status = self.command(&[&[command], flags].concat()).stdout(stderr()).status().context("sam")?;
        ensure!(status.success(), "sam {command}: {status}");
        Ok(())
    }
}
