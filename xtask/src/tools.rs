//! What the tests need beyond Rust, Node.js and Python: installed from lock files, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps::succeed;
use crate::workspace;

/// The npm packages of `tests/clients`, exactly as locked.
pub(crate) fn install_npm_packages() -> Result<()> {
    npm_ci("tests/clients").map(drop)
}

/// The Node sender that ours is measured beside, with its packages. Answers its folder.
pub(crate) fn install_node_sender() -> Result<PathBuf> {
    npm_ci("tests/bench-peers/custom-sms-sender-node")
}

/// The custom auth triggers in Node.js that ours are measured beside. Answers their folder.
pub(crate) fn install_node_custom_auth() -> Result<PathBuf> {
    npm_ci("tests/bench-peers/custom-auth-node")
}

/// The counting trigger in Node.js that ours is measured beside. Answers its folder.
pub(crate) fn install_node_pre_authentication() -> Result<PathBuf> {
    npm_ci("tests/bench-peers/pre-authentication-node")
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

/// cargo-fuzz, built from source. Answers its program.
pub(crate) fn install_cargo_fuzz() -> Result<PathBuf> {
    install_cargo_tool("cargo-fuzz", "0.13.2")
}

/// cargo-cyclonedx, built from source. Answers its program.
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

/// The tools of `xtask/tools.txt`, in a Python environment of the project's own. Answers the folder
/// of its programs.
pub(crate) fn install_python_tools() -> Result<PathBuf> {
    // No dependencies: cargo-lambda's is a cross compiler, which `watch` and `invoke` never call.
    install_python("tools", "xtask/tools.txt", &["--no-deps"])
}

/// What checks the SAM template: `sam` and `cfn-lint`. Answers the folder of their programs.
pub(crate) fn install_template_tools() -> Result<PathBuf> {
    // The list is whole; what its packages ask for beside it is the same, spelt as ranges.
    install_python("template-tools", "xtask/template-tools.txt", &["--no-deps"])
}

/// checkov, apart: it pins other versions of the same packages. Answers the folder of its program.
pub(crate) fn install_checkov() -> Result<PathBuf> {
    install_python("checkov", "xtask/checkov.txt", &["--no-deps"])
}

/// The Cognito clients of `tests/python`, exactly as locked. Answers the folder of its programs.
pub(crate) fn install_python_clients() -> Result<PathBuf> {
    install_python("python-clients", "tests/python/requirements.txt", &[])
}

/// The peer that the local user pool is measured beside. Answers its program.
pub(crate) fn install_peer() -> Result<PathBuf> {
    Ok(install_python("ministack", "tests/src/bin/bench-pool/ministack.txt", &[])?.join("ministack"))
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

/// Chromium for the console's tests: the machine's, or Debian's if apt may install it.
pub(crate) fn install_chromium() -> Result<PathBuf> {
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
    if let Some(found) = NAMES.into_iter().find_map(|name| which::which(name).ok()) {
        return Ok(found);
    }
    for arguments in
        [&["update", "-qq"][..], &["install", "-qq", "--yes", "--no-install-recommends", "chromium"]]
    {
        // Whether it worked shows below; its own reasons it has said itself.
        let _ = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    }
    which::which("chromium").context(
        "no Chromium, and apt may not install it: install the package `chromium`, or leave its tests out with `--no-browser`",
    )
}

/// Installs unless `marker` says that just this was installed before.
fn once(marker: &Path, wanted: &[u8], install: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read(marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(marker, wanted).with_context(|| marker.display().to_string())
}
