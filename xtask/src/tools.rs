//! Installs the tools of the tests beyond Rust, Node.js and Python, from lock files and once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps::succeed;
use crate::workspace;

/// Installs the npm packages of `tests/clients`, exactly as locked.
pub(crate) fn install_npm_packages() -> Result<()> {
    npm_ci("tests/clients").map(drop)
}

/// Installs the Node sender with which ours is compared, and its packages. Returns its folder.
pub(crate) fn install_node_sender() -> Result<PathBuf> {
    npm_ci("bench/peers/custom-sms-sender-node")
}

/// Installs the custom auth triggers in Node.js with which ours are compared. Returns their folder.
pub(crate) fn install_node_custom_auth() -> Result<PathBuf> {
    npm_ci("bench/peers/custom-auth-node")
}

/// Installs the counting trigger in Node.js with which ours is compared. Returns its folder.
pub(crate) fn install_node_pre_authentication() -> Result<PathBuf> {
    npm_ci("bench/peers/pre-authentication-node")
}

fn npm_ci(package: &str) -> Result<PathBuf> {
    let folder = workspace::root().join(package);
    let lock = folder.join("package-lock.json");
    let locked = fs::read(&lock).with_context(|| lock.display().to_string())?;
    once(&folder.join("node_modules/.installed"), &locked, || {
        succeed(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder))
    })?;
    Ok(folder)
}

/// Installs cargo-fuzz from source. Returns its program.
pub(crate) fn install_cargo_fuzz() -> Result<PathBuf> {
    install_cargo_tool("cargo-fuzz", "0.13.2")
}

/// Installs cargo-cyclonedx from source. Returns its program.
pub(crate) fn install_cargo_cyclonedx() -> Result<PathBuf> {
    install_cargo_tool("cargo-cyclonedx", "0.5.9")
}

fn install_cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let folder = workspace::target_directory()?.join("tools-cargo");
    once(&folder.join(format!(".installed-{name}")), version.as_bytes(), || {
        let mut command = workspace::cargo(&["install", "--quiet", "--locked", name]);
        command.args(["--version", version]).arg("--root").arg(&folder);
        succeed(&mut command)
    })?;
    Ok(folder.join("bin").join(name))
}

/// Installs the tools of `xtask/tools.txt` in the project's own Python environment. Returns the folder of its
/// programs.
pub(crate) fn install_python_tools() -> Result<PathBuf> {
    // Without dependencies: cargo-lambda depends on a cross compiler, which `watch` and `invoke` never call.
    install_python("tools", "xtask/tools.txt", &["--no-deps"])
}

/// Installs cargo-lambda and the cross compiler zig. Returns the folder of their programs.
pub(crate) fn install_cross_tools() -> Result<PathBuf> {
    install_python("cross-tools", "xtask/cross-tools.txt", &["--no-deps"])
}

/// Installs `sam` and `cfn-lint`, which check the SAM template. Returns the folder of their programs.
pub(crate) fn install_template_tools() -> Result<PathBuf> {
    // The list is complete. The packages repeat its entries as version ranges.
    install_python("template-tools", "xtask/template-tools.txt", &["--no-deps"])
}

/// Installs checkov apart, because it pins other versions of the same packages. Returns the folder of its
/// program.
pub(crate) fn install_checkov() -> Result<PathBuf> {
    install_python("checkov", "xtask/checkov.txt", &["--no-deps"])
}

/// Installs the Cognito clients of `tests/python`, exactly as locked. Returns the folder of its programs.
pub(crate) fn install_python_clients() -> Result<PathBuf> {
    install_python("python-clients", "tests/python/requirements.txt", &[])
}

/// Installs ministack, with which the local user pool is compared, and on which the templates are tried. Returns
/// its program.
pub(crate) fn install_peer() -> Result<PathBuf> {
    Ok(install_python("ministack", "bench/src/bin/bench-pool/ministack.txt", &[])?.join("ministack"))
}

fn install_python(environment: &str, list: &str, arguments: &[&str]) -> Result<PathBuf> {
    let environment = workspace::target_directory()?.join(environment);
    let locked = fs::read(workspace::root().join(list)).with_context(|| list.to_owned())?;
    once(&environment.join(".installed"), &locked, || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        succeed(
            Command::new(environment.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--require-hashes", "--only-binary", ":all:"])
                .args(arguments)
                .arg("--requirement")
                .arg(workspace::root().join(list)),
        )
    })?;
    Ok(environment.join("bin"))
}

/// Returns Chromium for the console's tests: the machine's, or Debian's if apt may install it.
pub(crate) fn install_chromium() -> Result<PathBuf> {
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
    if let Some(found) = NAMES.into_iter().find_map(|name| which::which(name).ok()) {
        return Ok(found);
    }
    for arguments in
        [&["update", "-qq"][..], &["install", "-qq", "--yes", "--no-install-recommends", "chromium"]]
    {
        // The check below shows whether this worked. apt-get prints its own errors.
        let _ = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    }
    which::which("chromium").context(
        "no Chromium, and apt may not install it: install the package `chromium`, or leave its tests out with `--no-browser`",
    )
}

/// Installs unless `marker` says that exactly this was installed before.
fn once(marker: &Path, wanted: &[u8], install: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read(marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(marker, wanted).with_context(|| marker.display().to_string())
}
