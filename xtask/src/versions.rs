//! `cargo xtask test versions`: builds the functions of an earlier revision beside the present ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;

use crate::steps::succeed;
use crate::workspace;

const BEFORE: &str = "HEAD^";
/// The largest default of `codegen-units` over all profiles.
const LARGEST_DEFAULT: u32 = 256;

/// Returns the revision to compare with: the last release before this commit, or else the commit before.
pub(crate) fn last_release() -> String {
    let tag = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", BEFORE]);
    tag.unwrap_or_else(|_none| BEFORE.to_owned())
}

/// Builds the functions that a revision and this one have in common. Returns their folder.
///
/// The build uses the workspace's own folder, so that only differences are compiled. Packages of all
/// revisions have the same names and would replace each other there. A setting without effect that is
/// different in each revision keeps them apart.
pub(crate) fn build(revision: &str) -> Result<PathBuf> {
    let target = workspace::target_directory()?;
    let (commit, sources) = check_out(revision, &target.join("versions"))?;
    let manifest = sources.join("Cargo.toml");
    let metadata = MetadataCommand::new().no_deps().manifest_path(&manifest).exec()?;
    let present: BTreeSet<_> = workspace::functions()?.into_iter().collect();
    // No package has as many parts.
    let units = u32::from_str_radix(commit.get(..7).unwrap_or_default(), 16)?.saturating_add(LARGEST_DEFAULT);
    let mut build = Command::new("cargo");
    build.args(["build", "--locked", "--config"]).arg(format!("build.build-dir='{}'", target.display()));
    for package in metadata.workspace_packages() {
        build.args(["--config", &format!("profile.dev.package.{}.codegen-units={units}", package.name)]);
    }
    let folder = target.join("versions/bin").join(&commit);
    // Each revision is built once, so data for incremental builds is useless.
    build.env("CARGO_INCREMENTAL", "0").arg("--target-dir").arg(&folder);
    for function in workspace::functions_in(&sources)?.intersection(&present) {
        build.args(["--bin", function]);
    }
    succeed(build.current_dir(&sources)).with_context(|| format!("the functions of {revision}"))?;
    Ok(folder.join("debug"))
}

/// Makes a folder with the sources of a revision, without a repository, once. Returns it with the revision's
/// commit.
fn check_out(revision: &str, folder: &Path) -> Result<(String, PathBuf)> {
    let commit =
        git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")]);
    let Ok(commit) = commit else {
        let shallow = git(&["rev-parse", "--is-shallow-repository"])?;
        let way_out = if shallow == "true" {
            "this clone is shallow: `git fetch --unshallow` gets the rest, `git fetch --depth 1 origin REV` one revision"
        } else {
            "`git fetch --tags`, or name another with `--base`"
        };
        bail!("there is no revision {revision} here; {way_out}");
    };
    let sources = folder.join(&commit);
    if !sources.is_dir() {
        let unfinished = sources.with_extension("unfinished");
        // An interrupted run may have left this folder.
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir_all(&unfinished)?;
        let mut archive = Command::new("git")
            .args(["archive", "--format=tar", &commit])
            .current_dir(workspace::root())
            .stdout(Stdio::piped())
            .spawn()
            .context("git archive")?;
        let files = archive.stdout.take().context("git archive: no output")?;
        let unpacked = succeed(Command::new("tar").arg("-xC").arg(&unfinished).stdin(files));
        ensure!(archive.wait()?.success(), "git archive of {revision} failed");
        unpacked?;
        fs::rename(&unfinished, &sources)?;
    }
    Ok((commit, sources))
}

/// Returns the output of a git command.
fn git(arguments: &[&str]) -> Result<String> {
    let output =
        Command::new("git").args(arguments).current_dir(workspace::root()).output().context("git")?;
    ensure!(output.status.success(), "git {}: {}", arguments.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
