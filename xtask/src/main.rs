//! The contributor's commands: `cargo xtask dev | test | generate | fuzz | sbom | bench | check | preview`.
//!
//! Every command runs other programs. Its own messages go to standard error. Standard output belongs to the
//! programs, so that `READY <path>` stays the only line of `dev --headless`.

mod arm64;
mod bench;
mod cli;
mod dev;
mod fuzz;
mod generate;
mod prerequisite;
mod prose;
mod references;
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
        /// Skip the tests that need Chromium
        #[arg(long)]
        no_browser: bool,
        /// For `versions`: the deployed revision. The default is the last release, or else the previous commit
        #[arg(long, value_name = "REV")]
        base: Option<String>,
    },
    /// Regenerate the table of phone numbers (from rlibphonenumber's metadata), the OpenAPI document, and the
    /// tables of the template's parameters and of the idle cost
    Generate,
    /// Fuzz everything that an attacker can reach; crashes are saved in fuzz/libfuzzer/artifacts
    Fuzz {
        target: fuzz::Target,
        #[arg(long, default_value_t = 300)]
        seconds: u32,
        /// Add new inputs that reach new code to fuzz/corpus
        #[arg(long)]
        keep: bool,
    },
    /// Write a bill of materials (`CycloneDX`) for each function and architecture to target/sbom/ and check it against Cargo
    Sbom,
    /// Measure latency and cost
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Check a folder of overrides: policy.toml, messages/ and rules/
    Check {
        /// The folder with the overrides, as in `MFA_CONFIG_DIR`
        folder: PathBuf,
    },
    /// Show every message in every locale on one HTML page, target/preview/index.html
    Preview {
        /// Use the overrides in this folder
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
        Command::Check { folder } => cli::check(&folder),
        Command::Preview { config_dir } => cli::preview(config_dir.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", console::style("error:").red().bold().for_stderr());
            ExitCode::FAILURE
        }
    }
}
