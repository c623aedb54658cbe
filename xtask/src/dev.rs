//! `cargo xtask dev`: builds and starts the local cloud.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::workspace;

/// Builds, then replaces this process by the local cloud: signals reach it directly, and its exit code is
/// ours.
pub(crate) fn run(flags: &[OsString]) -> Result<()> {
    let binaries = workspace::build_local()?;
    let local = binaries.get("local").context("the build made no binary `local`")?;
    let error = Command::new(local).args(flags).current_dir(workspace::root()).exec();
    Err(anyhow!(error).context(format!("cannot start {}", local.display())))
}
