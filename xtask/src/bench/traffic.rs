//! `cargo xtask bench calls`, `load` and `report`: the journeys of users, end to end, and the page of all
//! figures.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps::{Steps, succeed};
use crate::workspace;

pub(super) fn calls(folder: &Path) -> Result<()> {
    walk(folder, "bench-calls", &[], "calls.json")
}

pub(super) fn load(folder: &Path, seconds: u64, rate: f64) -> Result<()> {
    let (seconds, rate) = (seconds.to_string(), rate.to_string());
    walk(folder, "bench-load", &["--seconds", &seconds, "--rate", &rate], "load.json")
}

/// Builds the functions as they are deployed, and runs `program`, which takes users through them.
fn walk(folder: &Path, program: &str, arguments: &[&str], json: &str) -> Result<()> {
    let mut steps = Steps::default();
    let functions = steps.run("the functions, as deployed", || {
        super::build(&[], &folder.join("release"), workspace::functions()?)
    })?;
    let program = steps.run("the local cloud, and who walks", || built(program))?;
    let result = steps.run("journeys", || {
        let mut measure = Command::new(program);
        measure.arg("--functions").arg(functions).args(arguments).arg("--json").arg(folder.join(json));
        succeed(measure.current_dir(workspace::root()))
    });
    steps.print();
    result
}

/// Builds a program and the local cloud beside it. Returns the program's path.
fn built(program: &str) -> Result<PathBuf> {
    let built = workspace::build(&["--profile", workspace::OPTIMISED, "--bin", "local", "--bin", program])?;
    built.get(program).cloned().with_context(|| format!("the build made no binary `{program}`"))
}

pub(super) fn report(folder: &Path) -> Result<()> {
    let mut write = workspace::cargo(&["run", "--quiet", "--bin", "bench-report", "--"]);
    succeed(write.arg(folder))
}
