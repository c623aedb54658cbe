//! `cognito-mfa unlock`: resets a user's counters.

use anyhow::Result;
use clap::Args;
use mfa_core::{factors::custom::CustomFactorStore as _, sign_in::SignInLedger as _};
use serde_json::json;

use crate::aws::Aws;
use crate::exit_status::ExitStatus;
use crate::output::Output;
use crate::user::{User, WhichTable};

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    user: User,
    #[command(flatten)]
    table: WhichTable,
}

impl Unlock {
    pub(crate) async fn run(&self, aws: &Aws, output: Output) -> Result<ExitStatus> {
        let user = self.user.id(aws).await?;
        let table = self.table.open(aws)?;
        table.reset(&user).await?;
        table.forgive_failures(&user).await?;
        Output::note("the user's sign-in counters and failures were reset");
        output.result(&json!({ "outcome": "unlocked", "sub": user.as_str() }));
        Ok(ExitStatus::Done)
    }
}
