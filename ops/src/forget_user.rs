//! `cognito-mfa forget-user`: erases what the table holds of a user.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::aws::Aws;
use crate::ending::Ending;
use crate::say::Say;
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
    pub(crate) async fn run(&self, aws: &Aws, say: Say) -> Result<Ending> {
        let user = self.user.id(aws).await?;
        if !self.yes {
            Say::error(
                "this permanently erases the user's counters, trust level and audit trail: confirm with --yes",
            );
            say.result(&json!({ "outcome": "refused", "sub": user.as_str() }));
            return Ok(Ending::Refused);
        }
        let erased = self.table.open(aws)?.forget(&user).await?;
        Say::note(format_args!("{erased} items erased"));
        say.result(&json!({ "outcome": "forgotten", "sub": user.as_str(), "items": erased }));
        Ok(Ending::Done)
    }
}
