//! The operator's command: what can be known of a configuration before it is deployed.
//!
//! A binary of its own, because it is built on the core, which `xtask` is not: that one is compiled
//! before anything else can happen. `cargo xtask check` and `cargo xtask preview` run this.

mod check;
mod preview;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything wrong with a folder of overrides: policy.toml, messages/ and rules/
    Check {
        /// The folder that `MFA_CONFIG_DIR` will name
        folder: PathBuf,
    },
    /// Every message in every locale on one HTML page
    Preview {
        /// With the overrides of this folder
        #[arg(long, value_name = "FOLDER")]
        config_dir: Option<PathBuf>,
        /// The page's file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { folder } => check::run(&folder),
        Command::Preview { config_dir, out } => preview::run(config_dir.as_deref(), &out),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
