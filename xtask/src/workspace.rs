//! Where the workspace is, which functions it has, and how they are built.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, MetadataCommand};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The profile that is as optimised as a release, without the minutes of fat link-time optimisation: for what is
/// measured and not deployed.
pub(crate) const OPTIMISED: &str = "bench-pool";

/// Packages outside the workspace, each with a lock of its own.
pub(crate) const OUTSIDE: [&str; 2] = ["shared/fuzz", "tests/esdk-oracle"];

/// Cargo's target folder, wherever the contributor's settings put it.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = MetadataCommand::new().no_deps().current_dir(root()).exec().context("cargo metadata")?;
    Ok(metadata.target_directory.into())
}

/// Names of the Lambda functions: one folder, one package, one binary each.
pub(crate) fn functions() -> Result<Vec<String>> {
    Ok(functions_in(root())?.into_iter().collect())
}

/// The same of a workspace somewhere else.
pub(crate) fn functions_in(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in root.join("functions").read_dir().context("functions/")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// `cargo` in the workspace's folder.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command
}

/// Runs `cargo build` with the given arguments, its progress on standard error, and answers the
/// path of every binary it built or found up to date, by name.
pub(crate) fn build(arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut child = cargo(&["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo build")?;
    let stdout = child.stdout.take().context("cargo build: no output")?;
    let mut binaries = BTreeMap::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.context("cargo build")?
            && let Some(executable) = artifact.executable
        {
            binaries.insert(artifact.target.name, executable.into());
        }
    }
    let status = child.wait().context("cargo build")?;
    ensure!(status.success(), "the build failed");
    Ok(binaries)
}

/// What the local cloud consists of: its own binary and every function.
///
/// Chosen by binary, not by package: so dependencies get the features that the whole workspace asks
/// for, as under `cargo lambda`, and nothing is compiled twice.
pub(crate) fn build_local() -> Result<BTreeMap<String, PathBuf>> {
    build_local_with(&[])
}

/// Builds the same with optimisation, for measurements of time.
pub(crate) fn build_optimised_local() -> Result<BTreeMap<String, PathBuf>> {
    build_local_with(&["--profile", OPTIMISED])
}

fn build_local_with(options: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let functions = functions()?;
    let mut arguments = options.to_vec();
    arguments.extend(["--bin", "local"]);
    for function in &functions {
        arguments.extend(["--bin", function]);
    }
    build(&arguments)
}
