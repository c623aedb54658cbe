//! `cognito-mfa forget-user`: erases the table's items about a user.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::aws::Aws;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::user::{User, WhichTable};

#[derive(Debug, Args)]
pub(crate) struct ForgetUser {
    #[command(flatten)]
    user: User,
    #[command(flatten)]
    table: WhichTable,
    /// Confirm the erasure. It includes the audit trail, and only a backup can restore it
    #[arg(long)]
    yes: bool,
}

impl ForgetUser {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let user = self.user.id(aws).await?;
        if !self.yes {
            Output::error(
                "this permanently erases the user's counters, trust level and audit trail: confirm with --yes",
            );
            output.result(&json!({ "outcome": "refused", "sub": user.as_str() }));
            return Ok(ExitStatus::Refused);
        }
        let erased = self.table.open(aws)?.forget(&user).await?;
        Output::note(format_args!("{erased} items erased"));
        output.result(&json!({ "outcome": "forgotten", "sub": user.as_str(), "items": erased }));
        Ok(ExitStatus::Done)
    }
}
