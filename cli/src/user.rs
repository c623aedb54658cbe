//! The options that select a user and the table of their items.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use mfa_aws::Table;
use mfa_core::kernel::UserId;
use serde_json::{Value, json};

use crate::aws::{Aws, Service};
use crate::outputs::StackOutputs;

#[derive(Debug, Args)]
pub(crate) struct User {
    /// The user's `sub`
    #[arg(long, required_unless_present = "username")]
    sub: Option<String>,
    /// The user's name; the command looks up its `sub` in the pool
    #[arg(long, requires = "pool", conflicts_with = "sub")]
    username: Option<String>,
    #[arg(long = "user-pool-id", value_name = "ID")]
    pool: Option<String>,
}

impl User {
    pub(crate) async fn id(&self, aws: &Aws) -> Result<UserId> {
        let sub = match (&self.sub, &self.username) {
            (Some(sub), _) => sub.clone(),
            (None, Some(name)) => {
                let asked = json!({ "UserPoolId": self.pool, "Username": name });
                let user = aws.call(Service::Cognito, "AdminGetUser", &asked).await?;
                let attributes = user.get("UserAttributes").and_then(Value::as_array);
                let sub = attributes
                    .into_iter()
                    .flatten()
                    .find(|attribute| attribute.get("Name").and_then(Value::as_str) == Some("sub"));
                let sub = sub.and_then(|sub| sub.get("Value")?.as_str()).context("the user has no sub")?;
                sub.to_owned()
            }
            (None, None) => return Err(anyhow!("pass --sub or --username")),
        };
        UserId::parse(&sub).map_err(|fault| anyhow!("{fault}: {sub}"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct WhichTable {
    /// The table's name: the stack output `TableName`
    #[arg(long, value_name = "NAME", required_unless_present = "stack_outputs")]
    table: Option<String>,
    /// The stack's outputs, as for `attach`
    #[arg(long, value_name = "FILE")]
    stack_outputs: Option<PathBuf>,
}

impl WhichTable {
    pub(crate) fn open(&self, aws: &Aws) -> Result<Table> {
        Ok(Table::of_operator(aws.config(), &self.name()?))
    }

    /// Returns the pool of the stack, if its outputs are given and name one.
    pub(crate) fn user_pool(&self) -> Result<Option<String>> {
        let outputs = self.stack_outputs.as_ref().map(|file| StackOutputs::read(file)).transpose()?;
        Ok(outputs.and_then(|outputs| outputs.user_pool_id))
    }

    pub(crate) fn name(&self) -> Result<String> {
        match (&self.table, &self.stack_outputs) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(file)) => {
                StackOutputs::read(file)?.table.context("the stack outputs have no TableName")
            }
            (None, None) => Err(anyhow!("pass --table or --stack-outputs")),
        }
    }
}
