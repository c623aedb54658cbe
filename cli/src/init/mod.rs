//! `cognito-mfa init`: asks five questions, and writes the answers to `samconfig.toml` and `policy.toml`.
//!
//! The command contacts no AWS service. All other entries and the comments of both files stay. A second run
//! offers the present values as answers.

mod answers;
mod files;
mod questions;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use crate::exit_status::ExitStatus;
use crate::output::Output;
use answers::{Answers, Given};
use files::{Configuration, PolicyFile};
use questions::Terminal;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write to this environment of samconfig.toml
    #[arg(long, value_name = "NAME", default_value = "prod")]
    env: String,
    /// The folder with template.yaml, samconfig.toml and overrides/
    #[arg(long, value_name = "FOLDER", default_value = "infra")]
    infra: PathBuf,
    #[command(flatten)]
    given: Given,
    /// Show what would be written without writing it
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(crate) fn run(&self, output: Output) -> Result<ExitStatus> {
        ensure!(
            self.infra.join("template.yaml").is_file(),
            "{} has no template.yaml: run this command in a checkout, or pass --infra",
            self.infra.display()
        );
        let mut configuration = Configuration::read(&self.infra, &self.env)?;
        let mut policy = PolicyFile::read(&self.infra)?;
        let present = Answers::present(&configuration, &policy);
        let answers = if stdin().is_terminal() && stderr().is_terminal() {
            self.given.ask(&present, &mut Terminal)?
        } else {
            self.given.complete(&present)?
        };

        let parameters = answers.parameters(&configuration);
        for (name, value) in &parameters {
            configuration.set(name, value)?;
            output.line(format_args!("samconfig.toml [{}]  {name}={value}", self.env));
        }
        policy.set_countries(&answers.countries)?;
        output.line(format_args!("policy.toml  sms.allowed_countries = {:?}", answers.countries));
        if self.dry_run {
            Output::note("the dry run wrote no file");
        } else {
            configuration.write()?;
            policy.write()?;
            Output::note(answers.next_steps(&self.infra, &self.env));
        }
        output.result(&json!({
            "outcome": if self.dry_run { "dry-run" } else { "written" },
            "parameters": parameters.into_iter().collect::<BTreeMap<_, _>>(),
            "allowed_countries": answers.countries,
        }));
        Ok(ExitStatus::Done)
    }
}
