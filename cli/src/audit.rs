//! `cognito-mfa audit`: a user's audit trail as JSON lines.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::user::{User, WhichTable};

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    user: User,
    #[command(flatten)]
    table: WhichTable,
    /// Start at this time, for example 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", default_value_t = Timestamp::UNIX_EPOCH)]
    from: Timestamp,
    /// Stop before this time
    #[arg(long, value_name = "TIME", default_value_t = Timestamp::MAX)]
    until: Timestamp,
}

impl Audit {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let user = self.user.id(aws).await?;
        let lines = self.table.open(aws)?.audit_lines(&user, self.from, self.until).await?;
        // Without `--json` these are JSON lines, with it one list.
        for line in &lines {
            output.line(Value::Object(line.clone()));
        }
        Output::note(format_args!("{} lines", lines.len()));
        output.result(&json!(lines));
        Ok(ExitStatus::Done)
    }
}
