//! Cross-builds the functions for Lambda's arm64 processors, as `sam build` does on a machine with another
//! processor.

use std::env;
use std::ffi::OsString;
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
    build.env("PATH", search_path(programs)?);
    build.env("CARGO_PROFILE_DEV_DEBUG", "0").current_dir(workspace::root());
    succeed(&mut build)?;
    Ok(zips)
}

/// Returns the search path with `programs` before all other folders. cargo-lambda finds zig as a module of the
/// first `python3`.
#[expect(clippy::disallowed_methods, reason = "a changed search path contains the present one")]
fn search_path(programs: PathBuf) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([programs].into_iter().chain(env::split_paths(&path))).context("PATH")
}
