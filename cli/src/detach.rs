//! `cognito-mfa detach`: undoes exactly the changes of `attach`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::attach_record::AttachRecord;
use crate::aws::Aws;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::pool::{PoolState, differences, revert, unknown_setting};
use crate::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct Detach {
    /// The record that `attach` wrote
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    /// Undo the changes that are still in place, even if other settings were changed since `attach`
    #[arg(long)]
    force: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
}

impl Detach {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let record = AttachRecord::read(&self.record)?;
        let id = &record.user_pool_id;
        let progress = Progress::new();
        let now = PoolState::read(aws, id, &progress).await?;
        progress.done();
        let current = json!(now);
        let mut wanted = current.clone();
        let conflicts = revert(&mut wanted, &record.changes);
        for conflict in &conflicts {
            let found = conflict.found.as_ref().map_or("not set".to_owned(), Value::to_string);
            Output::error(format_args!("changed since attach: {} (now {found})", conflict.change));
        }
        let mut wanted: PoolState = serde_json::from_value(wanted)?;
        wanted.turn_off(&now);
        let unknown = now.unknown(&wanted);
        if !unknown.is_empty() {
            for setting in &unknown {
                Output::error(unknown_setting(setting));
            }
            output.result(&json!({ "outcome": "refused", "reasons": unknown }));
            return Ok(ExitStatus::Refused);
        }
        let changes = differences(&current, &json!(wanted));
        for change in &changes {
            output.line(change);
        }
        if !conflicts.is_empty() && !self.force {
            Output::note("nothing was changed; --force undoes the other changes");
            output.result(&json!({ "outcome": "refused", "changes": changes }));
            return Ok(ExitStatus::Refused);
        }
        if changes.is_empty() || self.dry_run {
            let outcome = if changes.is_empty() { "unchanged" } else { "dry-run" };
            Output::note("nothing was changed");
            output.result(&json!({ "outcome": outcome, "changes": changes }));
            return Ok(ExitStatus::Done);
        }
        if wanted.sends_text_messages() {
            Output::note("Cognito may send one billed text message to test the pool's SMS configuration");
        }
        wanted.write(aws, id, &now, &progress).await?;
        let found = PoolState::read(aws, id, &progress).await?;
        progress.done();
        let astray = differences(&json!(wanted), &json!(found));
        if !astray.is_empty() {
            for change in &astray {
                output.line(change);
            }
            bail!("Cognito did not store every setting as written, see above");
        }
        Output::note("detached");
        output.result(&json!({ "outcome": "detached", "changes": changes }));
        Ok(ExitStatus::Done)
    }
}
