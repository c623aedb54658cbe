//! `cargo xtask bench senders`: compares our custom SMS sender with senders in Node.js and Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::prerequisite::{self, Prerequisite};
use crate::steps::{Steps, succeed};
use crate::{tools, workspace};

const SENDER: &str = "custom-sms-sender";
const READERS: &str = "tests/esdk-oracle/Cargo.toml";

/// Builds the senders as they would be deployed, and measures them in one run.
pub(super) fn run(folder: &Path, readers: bool, rounds: usize) -> Result<()> {
    prerequisite::check(&[
        Prerequisite::Node,
        Prerequisite::Npm,
        Prerequisite::Python,
        Prerequisite::PythonVenv,
    ])?;
    let mut steps = Steps::default();
    let peer = steps.run("the Node sender, with its packages", tools::install_node_sender)?;
    let python = steps.run("the Python sender's packages", tools::install_python_clients)?;
    let bundle = folder.join("custom-sms-sender-node/bootstrap.cjs");
    steps.run("the Node sender, bundled", || {
        let outfile = format!("--outfile={}", bundle.display());
        succeed(Command::new("npm").args(["run", "--silent", "bundle", "--", &outfile]).current_dir(&peer))
    })?;
    let functions = steps.run("our sender and the echo", || {
        super::build(&[], &folder.join("release"), vec![SENDER.to_owned()])
    })?;
    let readers = if readers {
        Some(steps.run("two small senders with one reader each", || build_readers(&folder.join("readers")))?)
    } else {
        None
    };
    steps.run("the local cloud, which the senders call", workspace::build_local)?;
    let result = steps.run("cold starts", || {
        let mut measure = workspace::cargo(&["run", "--quiet", "--bin", "bench-senders", "--"]);
        measure.arg("--functions").arg(functions);
        measure.arg("--node").arg(which::which("node").context("node")?);
        measure.arg("--node-modules").arg(peer.join("bootstrap.mjs"));
        measure.arg("--node-bundle").arg(bundle);
        measure.arg("--python").arg(python.join("python"));
        if let Some(readers) = readers {
            measure.arg("--readers").arg(readers);
        }
        measure.args(["--rounds", &rounds.to_string()]).arg("--json").arg(folder.join("senders.json"));
        succeed(&mut measure)
    });
    steps.print();
    result
}

/// Builds one reader after the other, so that ours contains no dependency that only AWS's needs.
fn build_readers(target: &Path) -> Result<PathBuf> {
    let target = target.display().to_string();
    let common = ["--release", "--locked", "--manifest-path", READERS, "--target-dir", &target];
    let build = |more: &[&str]| workspace::build(&[&common[..], more].concat());
    build(&["--bin", "custom-sms-sender-esdk"])?;
    super::folder_of(
        &build(&["--no-default-features", "--bin", "custom-sms-sender-own"])?,
        "custom-sms-sender-own",
    )
}
