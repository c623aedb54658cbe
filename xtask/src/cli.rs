//! `cargo xtask check` and `cargo xtask preview`: builds and runs the operator's command.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};

use crate::workspace;

pub(crate) fn check(folder: &Path) -> Result<()> {
    become_it(command()?.arg("check").arg(folder))
}

pub(crate) fn preview(config_dir: Option<&Path>) -> Result<()> {
    let mut command = command()?;
    command.arg("preview").arg("--out").arg(workspace::target_directory()?.join("preview/index.html"));
    if let Some(folder) = config_dir {
        command.arg("--config-dir").arg(folder);
    }
    become_it(&mut command)
}

fn command() -> Result<Command> {
    let binaries = workspace::build(&["--bin", "cognito-mfa"])?;
    Ok(Command::new(binaries.get("cognito-mfa").context("the build made no binary `cognito-mfa`")?))
}

/// Replaces this process, so that the exit code is the command's. Paths are relative to the caller's folder.
fn become_it(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(anyhow!(error).context("cannot start the operator's command"))
}
