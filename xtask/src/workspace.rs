//! The workspace's folder and functions, and their builds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, MetadataCommand};

/// Returns the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The profile for measurements that are not deployed. It is optimised like a release, without the minutes of
/// fat link-time optimisation.
pub(crate) const OPTIMISED: &str = "bench-pool";

/// Packages outside the workspace, each with its own lock.
pub(crate) const OUTSIDE: [&str; 2] = ["fuzz/libfuzzer", "tests/esdk-oracle"];

/// Returns Cargo's target folder, which the contributor's settings may move.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = MetadataCommand::new().no_deps().current_dir(root()).exec().context("cargo metadata")?;
    Ok(metadata.target_directory.into())
}

/// Returns the names of the Lambda functions: one folder, one package, one binary each.
pub(crate) fn functions() -> Result<Vec<String>> {
    Ok(functions_in(root())?.into_iter().collect())
}

/// Returns the functions of a workspace in another folder.
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

/// Returns a `cargo` command in the workspace's folder.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command
}

/// Runs `cargo build` with the given arguments, its progress on standard error. Returns the path of every
/// binary that it built or found up to date, by name.
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

/// Builds the local cloud: its own binary and every function.
///
/// The build selects binaries, not packages. So dependencies get the features of the whole workspace, as
/// under `cargo lambda`, and are compiled once.
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
