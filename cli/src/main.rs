//! The operator's command: it checks a configuration before it is deployed, connects a pool to the deployed
//! functions and disconnects it, and examines both.
//!
//! The command is its own binary, because it needs the core. `xtask` does not, and is compiled before
//! anything else. `cargo xtask check` and `cargo xtask preview` run this command.

mod attach;
mod attach_record;
mod audit;
mod aws;
mod check;
mod claims;
mod deploy;
mod detach;
mod doctor;
mod exit_status;
mod forget_user;
mod init;
mod json_client;
mod live;
mod output;
mod outputs;
mod pool;
mod preview;
mod progress;
mod sender;
mod simulate;
mod unlock;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::aws::Aws;
use crate::exit_status::{EXIT_CODES, ExitStatus};
use crate::output::Output;

#[derive(Debug, Parser)]
#[command(about, version, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Arguments {
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Use this AWS profile instead of the environment's
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Use this AWS Region instead of the environment's or the profile's
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a folder of overrides: policy.toml, messages/ and rules/
    Check {
        /// The folder with the overrides, as in `MFA_CONFIG_DIR`
        folder: PathBuf,
    },
    /// Show every message in every locale on one HTML page
    Preview {
        /// Use the overrides in this folder
        #[arg(long, value_name = "FOLDER")]
        config_dir: Option<PathBuf>,
        /// Write the page to this file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Replay a week of text messages, and show which messages and users the policy refuses
    Simulate(simulate::Simulate),
    /// Ask five questions and write samconfig.toml and policy.toml
    Init(init::Init),
    /// Build, validate and deploy the stack with the AWS SAM CLI
    Deploy(deploy::Deploy),
    /// Connect an existing user pool to the deployed functions and keep all its settings
    Attach(attach::Attach),
    /// Undo the changes of `attach`
    Detach(detach::Detach),
    /// Check a user pool, its app clients and the deployment
    Doctor(doctor::Doctor),
    /// Reset a user's sign-in counters
    Unlock(unlock::Unlock),
    /// Print a user's audit trail as JSON lines
    Audit(audit::Audit),
    /// Reconcile address claims with the pool's accounts
    #[command(subcommand)]
    Claims(claims::Claims),
    /// Erase everything that the table holds about a user
    ForgetUser(forget_user::ForgetUser),
    /// Print completions for a shell
    Completions { shell: Shell },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run(arguments).map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitStatus::Failed.into()
        },
        ExitCode::from,
    )
}

fn run(Arguments { json, profile, region, command }: Arguments) -> Result<ExitStatus> {
    let output = Output { json };
    let aws = async || Aws::connect(profile.as_deref(), region.as_deref()).await;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Check { folder } => check::run(&folder),
            Command::Preview { config_dir, out } => preview::run(config_dir.as_deref(), &out),
            Command::Simulate(simulate) => simulate.run(output).await,
            Command::Init(init) => init.run(output),
            Command::Deploy(deploy) => deploy.run(profile.as_deref(), region.as_deref(), output).await,
            Command::Attach(attach) => attach.run(&aws().await?, output).await,
            Command::Detach(detach) => detach.run(&aws().await?, output).await,
            Command::Doctor(doctor) => doctor.run(&aws().await?, output).await,
            Command::Unlock(unlock) => unlock.run(&aws().await?, output).await,
            Command::Audit(audit) => audit.run(&aws().await?, output).await,
            Command::Claims(claims) => claims.run(&aws().await?, output).await,
            Command::ForgetUser(forget) => forget.run(&aws().await?, output).await,
            Command::Completions { shell } => {
                let mut command = Arguments::command();
                clap_complete::generate(shell, &mut command, "cognito-mfa", &mut std::io::stdout());
                Ok(ExitStatus::Done)
            }
        }
    })
}
