//! `cargo xtask bench`: measures the figures on which decisions are based.

mod pool;
mod senders;
mod traffic;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::prerequisite::{self, Prerequisite};
use crate::steps::{Steps, succeed};
use crate::{tools, workspace};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Size, start, first answer and peak memory of every function beside a bare echo
    Init {
        /// Compare the release profile's settings: fat and thin LTO, size and speed
        #[arg(long)]
        profiles: bool,
        /// Beside Node.js: the custom auth triggers of amazon-cognito-passwordless-auth, and a plain counting
        /// pre-authentication
        #[arg(long)]
        peers: bool,
        /// Cold starts of each binary
        #[arg(long, default_value_t = 11)]
        rounds: usize,
    },
    /// Our custom SMS sender beside such in Node.js and Python that only open the code and send it
    Senders {
        /// Also compare our reader of sealed codes with AWS's own, in two small senders
        #[arg(long)]
        readers: bool,
        /// Cold starts of each sender
        #[arg(long, default_value_t = 11)]
        rounds: usize,
    },
    /// Calls of AWS, DynamoDB's units, CPU and price of each thing that a user does
    Calls,
    /// Mixed traffic against the local cloud, in a closed and an open loop
    Load {
        /// Length of each of the two
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Journeys a second in the open loop
        #[arg(long, default_value_t = 10.0)]
        rate: f64,
    },
    /// Start of an operator's rules, and one decision, with 20 and with 100 of them
    Rules,
    /// SRP sign-ins of the local user pool beside a peer, and with 10,000 users
    Pool,
    /// What a sign-in costs in DynamoDB's units, with 1,000 users in the table and with 1,000,000
    Scale {
        /// In the place of the 1,000,000
        #[arg(long, default_value_t = 1_000_000)]
        users: usize,
    },
    /// Write docs/reference/benchmarks.md from what the others have measured
    Report,
}

/// A way to build the release binaries: its name, and its differences from the profile in Cargo.toml.
type Build = (&'static str, &'static [&'static str]);

/// Functions that have a peer in Node.js.
const PEERS: [&str; 4] = [
    "define-auth-challenge",
    "create-auth-challenge",
    "verify-auth-challenge-response",
    "pre-authentication",
];

const AS_DEPLOYED: Build = ("release", &[]);
const ALTERNATIVES: [Build; 2] =
    [("thin-lto", &["profile.release.lto='thin'"]), ("speed", &["profile.release.opt-level=3"])];

pub(crate) fn run(bench: &Bench) -> Result<()> {
    let folder = workspace::target_directory()?.join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    match bench {
        Bench::Init { profiles, peers, rounds } => init(&folder, *profiles, *peers, *rounds),
        Bench::Senders { readers, rounds } => senders::run(&folder, *readers, *rounds),
        Bench::Calls => traffic::calls(&folder),
        Bench::Load { seconds, rate } => traffic::load(&folder, *seconds, *rate),
        Bench::Report => traffic::report(&folder),
        Bench::Rules => {
            succeed(&mut workspace::cargo(&["bench", "--package", "mfa-rules", "--bench", "rules"]))
        }
        Bench::Pool => pool::run(&folder),
        // Units are counted, not timed, so the profile that the tests have built is good enough.
        Bench::Scale { users } => {
            let users = users.to_string();
            let of_workspace = ["bench", "--profile", "dev", "--workspace", "--bench", "scale", "--", &users];
            succeed(&mut workspace::cargo(&of_workspace))
        }
    }
}

fn init(folder: &Path, profiles: bool, peers: bool, rounds: usize) -> Result<()> {
    let alternatives = if profiles { &ALTERNATIVES[..] } else { &[] };

    let mut steps = Steps::default();
    let mut builds = Vec::new();
    for &(name, settings) in [AS_DEPLOYED].iter().chain(alternatives) {
        let binaries = steps.run(name, || build(settings, &folder.join(name), workspace::functions()?))?;
        builds.push(format!("{name}={}", binaries.display()));
    }
    let peers = if peers { steps.run("the peers in Node.js", || bundle_peers(folder))? } else { Vec::new() };
    steps.run("the local cloud, which the functions call", workspace::build_local)?;
    let json = folder.join("init.json");
    let result = steps.run("cold starts", || {
        let mut measure = workspace::cargo(&["run", "--quiet", "--bin", "bench-init", "--"]);
        measure.args(&builds).args(peers.iter().map(|peer| format!("--node-peer={peer}")));
        measure.args(["--rounds", &rounds.to_string()]).arg("--json").arg(&json);
        succeed(&mut measure)
    });
    steps.print();
    result
}

/// Bundles each peer as its package's own CDK construct does. Returns `FUNCTION=SCRIPT` of each.
fn bundle_peers(folder: &Path) -> Result<Vec<String>> {
    prerequisite::check(&[Prerequisite::Node, Prerequisite::Npm])?;
    let bundles = folder.join("peers");
    let outdir = format!("--outdir={}", bundles.display());
    for peers in [tools::install_node_custom_auth()?, tools::install_node_pre_authentication()?] {
        succeed(Command::new("npm").args(["run", "--silent", "bundle", "--", &outdir]).current_dir(peers))?;
    }
    Ok(PEERS.map(|name| format!("{name}={}/{name}.mjs", bundles.display())).into())
}

/// Builds functions and the echo with one command and so with the same settings. Returns the folder.
fn build(settings: &[&str], target: &Path, functions: Vec<String>) -> Result<PathBuf> {
    let mut arguments = vec!["--release".to_owned(), "--target-dir".to_owned(), target.display().to_string()];
    for setting in settings {
        arguments.extend(["--config".to_owned(), (*setting).to_owned()]);
    }
    for binary in functions.into_iter().chain(["echo".to_owned()]) {
        arguments.extend(["--bin".to_owned(), binary]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    folder_of(&workspace::build(&arguments)?, "echo")
}

fn folder_of(built: &BTreeMap<String, PathBuf>, binary: &str) -> Result<PathBuf> {
    let path = built.get(binary).with_context(|| format!("the build made no binary `{binary}`"))?;
    Ok(path.parent().context("target folder")?.to_owned())
}
