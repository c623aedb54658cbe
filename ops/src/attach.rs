//! `cognito-mfa attach`: wires an existing pool to the deployed functions, and loses no setting.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::aws::Aws;
use crate::ending::Ending;
use crate::outputs::StackOutputs;
use crate::pool::{PoolState, differences, foreign_triggers, snippet, wire};
use crate::progress::Progress;
use crate::record::Record;
use crate::say::Say;

#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[arg(long, value_name = "ID")]
    user_pool_id: String,
    /// The stack's outputs: `aws cloudformation describe-stacks --stack-name NAME` or
    /// `sam list stack-outputs --stack-name NAME --output json`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    stack_outputs: PathBuf,
    /// Write the record for `detach` to this file; printed if not given
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Do not change this trigger, for example `CustomSMSSender`. Can be repeated
    #[arg(long, value_name = "TRIGGER")]
    skip: Vec<String>,
    /// Turn on multi-factor authentication and add authenticator apps to the enabled factors
    #[arg(long, value_enum)]
    mfa: Option<Mfa>,
    /// Stop all app clients from revealing whether a user exists (`PreventUserExistenceErrors`)
    #[arg(long)]
    hide_user_existence: bool,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mfa {
    Optional,
    On,
}

impl Mfa {
    fn configuration(self) -> &'static str {
        match self {
            Self::Optional => "OPTIONAL",
            Self::On => "ON",
        }
    }
}

impl Attach {
    pub(crate) async fn run(&self, aws: &Aws, say: Say) -> Result<Ending> {
        let ours = StackOutputs::read(&self.stack_outputs)?;
        if let Some(unknown) = self.skip.iter().find(|skipped| !ours.triggers.contains_key(*skipped)) {
            let known: Vec<_> = ours.triggers.keys().map(String::as_str).collect();
            bail!("--skip {unknown}: the stack has {}", known.join(", "));
        }
        let progress = Progress::new();
        let before = PoolState::read(aws, &self.user_pool_id, &progress).await?;
        progress.done();
        if let Some(reasons) = refusal(&before, &ours) {
            return Ok(refuse(say, &reasons, &ours));
        }

        let after = self.wanted(&before, &ours);
        let changes = differences(&json!(before), &json!(after));
        let record = Record::new(&self.user_pool_id, changes);
        for change in &record.changes {
            say.line(change);
        }
        if record.changes.is_empty() {
            Say::note("nothing to change: the pool is already attached");
            say.result(&json!({ "outcome": "unchanged", "changes": [] }));
            return Ok(Ending::Done);
        }
        if after.sends_text_messages() {
            Say::note("Cognito may send one billed text message to test the pool's SMS configuration");
        }
        if self.dry_run {
            Say::note("dry run: nothing was changed");
            say.result(&json!({ "outcome": "dry-run", "changes": record.changes }));
            return Ok(Ending::Done);
        }

        // Before the first change: whatever happens then, the way back is there.
        match &self.record {
            Some(file) => record.write(file)?,
            None => say.line(format_args!("record, for detach:\n{}", serde_json::to_string(&record)?)),
        }
        after.write(aws, &self.user_pool_id, &before, &progress).await?;
        let found = PoolState::read(aws, &self.user_pool_id, &progress).await?;
        progress.done();
        let astray = differences(&json!(after), &json!(found));
        if !astray.is_empty() {
            for change in &astray {
                say.line(change);
            }
            bail!("Cognito did not store every setting as written, see above. `detach` undoes the changes");
        }
        Say::note("attached");
        say.result(&json!({ "outcome": "attached", "changes": record.changes, "record": record }));
        Ok(Ending::Done)
    }

    fn wanted(&self, before: &PoolState, ours: &StackOutputs) -> PoolState {
        let mut after = before.clone();
        wire(&mut after.pool, ours, &self.skip);
        if let Some(mfa) = self.mfa {
            let configuration = Value::from(mfa.configuration());
            after.pool.insert("MfaConfiguration".to_owned(), configuration.clone());
            after.mfa.insert("MfaConfiguration".to_owned(), configuration);
            after.mfa.insert("SoftwareTokenMfaConfiguration".to_owned(), json!({ "Enabled": true }));
        }
        if self.hide_user_existence {
            for client in after.clients.values_mut() {
                client.insert("PreventUserExistenceErrors".to_owned(), "ENABLED".into());
            }
        }
        after
    }
}

/// Why this pool is not ours to change.
fn refusal(pool: &PoolState, ours: &StackOutputs) -> Option<Vec<String>> {
    let mut reasons = Vec::new();
    if let Some(stack) = owning_stack(&pool.pool) {
        reasons.push(format!(
            "the CloudFormation stack {stack} owns the pool, and its next update would undo this. Add the \
             properties below to its template"
        ));
    }
    for foreign in foreign_triggers(&pool.pool, ours) {
        reasons.push(format!("{} already has another function: {}", foreign.trigger, foreign.arn));
    }
    for setting in pool.unknown() {
        reasons.push(format!(
            "this version does not know the setting {setting}, and updating the pool would reset it"
        ));
    }
    (!reasons.is_empty()).then_some(reasons)
}

fn owning_stack(pool: &Map<String, Value>) -> Option<&str> {
    pool.get("UserPoolTags")?.get("aws:cloudformation:stack-name")?.as_str()
}

fn refuse(say: Say, reasons: &[String], ours: &StackOutputs) -> Ending {
    for reason in reasons {
        Say::error(reason);
    }
    let snippet = snippet(ours);
    say.line(&snippet);
    Say::note("nothing was changed");
    say.result(&json!({ "outcome": "refused", "reasons": reasons, "snippet": snippet }));
    Ending::Refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stacks_pool_is_not_ours_to_change() {
        let state = |tags: Value| PoolState {
            pool: [("UserPoolTags".to_owned(), tags)].into_iter().collect(),
            mfa: Map::new(),
            clients: std::collections::BTreeMap::new(),
        };
        let ours = StackOutputs::default();
        let owned = state(json!({ "aws:cloudformation:stack-name": "shop" }));
        assert!(refusal(&owned, &ours).unwrap()[0].contains("stack shop owns the pool"));
        assert_eq!(refusal(&state(json!({ "team": "a" })), &ours), None);
    }
}
