//! The contributor's commands: `cargo xtask dev | test | bench`.
//!
//! Everything here runs other programs. What it says goes to standard error; standard output
//! belongs to the programs, so that `READY <path>` stays the only line of `dev --headless`.

mod bench;
mod dev;
mod prerequisite;
mod steps;
mod test;
mod tools;
mod workspace;

use std::ffi::OsString;
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
    },
    /// Measure what users and the operator's bill feel
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let result = match Xtask::parse().command {
        Command::Dev { flags } => dev::run(&flags),
        Command::Test { parts, no_browser } => test::run(&parts, no_browser),
        Command::Bench(bench) => bench::run(&bench),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", console::style("error:").red().bold().for_stderr());
            ExitCode::FAILURE
        }
    }
}
