//! `cargo xtask bench pool`: compares the local user pool with a peer.

use std::path::Path;

use anyhow::{Context, Result};

use crate::prerequisite::{self, Prerequisite};
use crate::steps::{Steps, succeed};
use crate::{tools, workspace};

/// Builds the local cloud and the load generator, installs the peer, and measures both in one run.
pub(super) fn run(folder: &Path) -> Result<()> {
    prerequisite::check(&[Prerequisite::Python, Prerequisite::PythonVenv])?;
    let mut steps = Steps::default();
    let peer = steps.run("the peer, in an environment of its own", tools::install_peer)?;
    let built = steps.run("the local cloud and the load generator", || {
        workspace::build(&["--profile", workspace::OPTIMISED, "--bin", "local", "--bin", "bench-pool"])
    })?;
    let binary = |name: &str| built.get(name).with_context(|| format!("the build made no binary `{name}`"));
    let (local, load) = (binary("local")?, binary("bench-pool")?);
    let result = steps.run("sign-ins", || {
        let mut measure = std::process::Command::new(load);
        measure.arg("--local").arg(local).arg("--peer").arg(&peer);
        measure.arg("--json").arg(folder.join("pool.json"));
        succeed(&mut measure)
    });
    steps.print();
    result
}
