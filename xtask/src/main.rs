//! The contributor's commands: `cargo xtask dev | test | generate | fuzz | sbom | bench | check | preview`.
//!
//! Everything here runs other programs. What it says goes to standard error; standard output
//! belongs to the programs, so that `READY <path>` stays the only line of `dev --headless`.

mod bench;
mod dev;
mod fuzz;
mod generate;
mod ops;
mod prerequisite;
mod sbom;
mod steps;
mod test;
mod tools;
mod versions;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about, disable_help_subcommand = true)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build everything and run the local cloud; flags are handed on to it (see `dev --help`)
    #[command(disable_help_flag = true)]
    Dev {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Run all tests, or only the named parts; installs what they need
    Test {
        parts: Vec<test::Part>,
        /// Leave out what needs Chromium
        #[arg(long)]
        no_browser: bool,
        /// Of `versions`: the revision that is deployed; without it the last release, and without any the
        /// commit before the last one
        #[arg(long, value_name = "REV")]
        base: Option<String>,
    },
    /// Write the table of phone numbers (from the metadata that rlibphonenumber carries) and the OpenAPI document anew
    Generate,
    /// Hand millions of broken inputs to what an attacker reaches; a crash is left in shared/fuzz/artifacts
    Fuzz {
        target: fuzz::Target,
        #[arg(long, default_value_t = 300)]
        seconds: u32,
        /// Add what was found, as far as it reaches something new, to shared/fuzz/corpus
        #[arg(long)]
        keep: bool,
    },
    /// What each function is built from: a bill of materials (`CycloneDX`) for each architecture in target/sbom/, held against what Cargo says
    Sbom,
    /// Measure what users and the operator's bill feel
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Everything wrong with a folder of overrides: policy.toml, messages/ and rules/
    Check {
        /// The folder that `MFA_CONFIG_DIR` will name
        folder: PathBuf,
    },
    /// Every message in every locale on one HTML page, target/preview/index.html
    Preview {
        /// With the overrides of this folder
        #[arg(long, value_name = "FOLDER")]
        config_dir: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Xtask::parse().command {
        Command::Dev { flags } => dev::run(&flags),
        Command::Test { parts, no_browser, base } => test::run(&parts, no_browser, base.as_deref()),
        Command::Generate => generate::run(),
        Command::Fuzz { target, seconds, keep } => fuzz::run(target, seconds, keep),
        Command::Sbom => sbom::run(),
        Command::Bench(bench) => bench::run(&bench),
        Command::Check { folder } => ops::check(&folder),
        Command::Preview { config_dir } => ops::preview(config_dir.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", console::style("error:").red().bold().for_stderr());
            ExitCode::FAILURE
        }
    }
}
