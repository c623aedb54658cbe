//! Cross-builds the functions for Lambda's arm64 processors, as `sam build` does on an x86_64 machine.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps::succeed;
use crate::{tools, workspace};

/// Builds every function without optimisation. Returns the folder of the zips, one folder per function.
pub(crate) fn build() -> Result<PathBuf> {
    let programs = tools::install_cross_tools()?;
    let zips = workspace::target_directory()?.join("arm64");
    let mut build = Command::new(programs.join("cargo-lambda"));
    build
        .args(["lambda", "build", "--arm64", "--locked", "--output-format", "zip", "--lambda-dir"])
        .arg(&zips);
    for function in workspace::functions()? {
        build.args(["--bin", &function]);
    }
    // cargo-lambda finds zig as a module of the first `python3`.
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path))).context("PATH")?;
    build.env("PATH", path).env("CARGO_PROFILE_DEV_DEBUG", "0").current_dir(workspace::root());
    succeed(&mut build)?;
    Ok(zips)
}
