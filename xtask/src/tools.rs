//! What the tests need beyond Rust, Node.js and Python: installed from lock files, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps::succeed;
use crate::workspace;

/// The npm packages of `tests/clients`, exactly as locked.
pub(crate) fn install_npm_packages() -> Result<()> {
    let folder = workspace::root().join("tests/clients");
    let lock = fs::read(folder.join("package-lock.json")).context("tests/clients/package-lock.json")?;
    once(&folder.join("node_modules/.installed"), &lock, || {
        succeed(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder))
    })
}

/// The tools of `xtask/tools.txt`, in a Python environment of the project's own. Answers the folder
/// of its programs.
pub(crate) fn install_python_tools() -> Result<PathBuf> {
    let list = workspace::root().join("xtask/tools.txt");
    let locked = fs::read(&list).context("xtask/tools.txt")?;
    let environment = workspace::target_directory()?.join("tools");
    once(&environment.join(".installed"), &locked, || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        // No dependencies: cargo-lambda's is a cross compiler, which `watch` and `invoke` never call.
        succeed(
            Command::new(environment.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"])
                .arg(&list),
        )
    })?;
    Ok(environment.join("bin"))
}

/// Installs unless `marker` says that just this was installed before.
fn once(marker: &Path, wanted: &[u8], install: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read(marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(marker, wanted).with_context(|| marker.display().to_string())
}
