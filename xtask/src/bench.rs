//! `cargo xtask bench`: figures that decisions are made on.

mod pool;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::steps::{Steps, succeed};
use crate::workspace;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Size, start, first answer and peak memory of every function beside a bare echo
    Init {
        /// Compare the release profile's settings: fat LTO, thin LTO, size before speed
        #[arg(long)]
        profiles: bool,
        /// Cold starts of each binary
        #[arg(long, default_value_t = 11)]
        rounds: usize,
    },
    /// SRP sign-ins of the local user pool beside a peer, and with 10,000 users
    Pool,
}

/// A way to build the release binaries: its name, and what differs from the profile in Cargo.toml.
type Build = (&'static str, &'static [&'static str]);

const AS_DEPLOYED: Build = ("release", &[]);
const ALTERNATIVES: [Build; 2] =
    [("thin-lto", &["profile.release.lto='thin'"]), ("size", &["profile.release.opt-level='s'"])];

pub(crate) fn run(bench: &Bench) -> Result<()> {
    let folder = workspace::target_directory()?.join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    match bench {
        Bench::Init { profiles, rounds } => init(&folder, *profiles, *rounds),
        Bench::Pool => pool::run(&folder),
    }
}

fn init(folder: &Path, profiles: bool, rounds: usize) -> Result<()> {
    let alternatives = if profiles { &ALTERNATIVES[..] } else { &[] };

    let mut steps = Steps::default();
    let mut builds = Vec::new();
    for &(name, settings) in [AS_DEPLOYED].iter().chain(alternatives) {
        let binaries = steps.run(name, || build(settings, &folder.join(name)))?;
        builds.push(format!("{name}={}", binaries.display()));
    }
    steps.run("the local cloud, which the functions call", workspace::build_local)?;
    let json = folder.join("init.json");
    let result = steps.run("cold starts", || {
        let mut measure = workspace::cargo(&["run", "--quiet", "--bin", "bench-init", "--"]);
        measure.args(&builds).args(["--rounds", &rounds.to_string()]).arg("--json").arg(&json);
        succeed(&mut measure)
    });
    steps.print();
    result
}

/// Builds the functions and the echo, all in one go and so with the same settings; answers the folder.
fn build(settings: &[&str], target: &Path) -> Result<PathBuf> {
    let mut arguments = vec!["--release".to_owned(), "--target-dir".to_owned(), target.display().to_string()];
    for setting in settings {
        arguments.extend(["--config".to_owned(), (*setting).to_owned()]);
    }
    let mut binaries = workspace::functions()?;
    binaries.push("echo".to_owned());
    for binary in binaries {
        arguments.extend(["--bin".to_owned(), binary]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let built = workspace::build(&arguments)?;
    let echo = built.get("echo").context("the build made no binary `echo`")?;
    Ok(echo.parent().context("target folder")?.to_owned())
}
