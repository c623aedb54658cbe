//! `cargo xtask sbom`: writes the components of each function as `CycloneDX` documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;
use serde_json::Value;

use crate::steps::succeed;
use crate::{tools, workspace};

/// The targets for which functions are deployed (`Architecture` in infra/template.yaml).
const TARGETS: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];
/// cargo-cyclonedx writes beside each package's Cargo.toml, so the name must be unique.
const WRITTEN: &str = "cognito-mfa.cdx";

/// Writes `target/sbom/<target>/<function>.cdx.json`, each checked against what Cargo lists.
pub(crate) fn run() -> Result<()> {
    let tool = tools::install_cargo_cyclonedx()?;
    let packages = packages()?;
    for target in TARGETS {
        let folder = workspace::target_directory()?.join("sbom").join(target);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut command = Command::new(&tool);
        command
            .args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"])
            .args(["--target", target, "--override-filename", WRITTEN])
            .current_dir(workspace::root());
        let written = succeed(&mut command).and_then(|()| collect(target, &folder));
        // cargo-cyclonedx has written one for every package of the workspace.
        for package in &packages {
            let leftover = package.join(format!("{WRITTEN}.json"));
            if leftover.exists() {
                fs::remove_file(&leftover).with_context(|| leftover.display().to_string())?;
            }
        }
        written?;
    }
    Ok(())
}

fn collect(target: &str, folder: &Path) -> Result<()> {
    for function in workspace::functions()? {
        let source = workspace::root().join("functions").join(&function).join(format!("{WRITTEN}.json"));
        let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
        // The document names our own packages by their path on this machine, which does not belong into it.
        let text = text.replace(&*workspace::root().to_string_lossy(), "/cognito-mfa");
        let listed = listed(&serde_json::from_str(&text)?);
        let built_from = built_from(&function, target)?;
        let missing: Vec<_> = built_from.difference(&listed).collect();
        ensure!(missing.is_empty(), "{function}: not in its document: {missing:?}");
        let place = folder.join(format!("{function}.cdx.json"));
        fs::write(&place, text).with_context(|| place.display().to_string())?;
        eprintln!("{target} {function}: {} components, all {} of Cargo's", listed.len(), built_from.len());
    }
    Ok(())
}

/// Returns the folders of the workspace's packages.
fn packages() -> Result<Vec<PathBuf>> {
    let metadata = MetadataCommand::new().no_deps().current_dir(workspace::root()).exec()?;
    let manifests = metadata.packages.into_iter().map(|package| package.manifest_path.into_std_path_buf());
    Ok(manifests.filter_map(|manifest| manifest.parent().map(Path::to_owned)).collect())
}

/// Returns name and version of each component of a document.
fn listed(document: &Value) -> BTreeSet<String> {
    let components = document.get("components").and_then(Value::as_array);
    let part = |component: &Value, name: &str| component.get(name).and_then(Value::as_str).map(str::to_owned);
    let named = components.into_iter().flatten();
    named.filter_map(|one| Some(format!("{} {}", part(one, "name")?, part(one, "version")?))).collect()
}

/// Returns the same by `cargo tree`: what is linked for `target`, including macros that ran only at the
/// build.
fn built_from(function: &str, target: &str) -> Result<BTreeSet<String>> {
    let arguments = ["tree", "--locked", "--package", function, "--edges", "normal", "--target", target];
    let output = workspace::cargo(&arguments).args(["--prefix", "none", "--format", "{p}"]).output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let mut names = of_tree(&String::from_utf8(output.stdout)?);
    // The document describes the function itself.
    names.retain(|name| !name.starts_with(&format!("{function} ")));
    Ok(names)
}

/// Parses `cargo tree`: `serde v1.0.229 (proc-macro) (*)` is `serde 1.0.229`.
fn of_tree(text: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let (name, rest) = line.trim().split_once(" v")?;
        Some(format!("{name} {}", rest.split(' ').next()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cargo_names_and_the_document_does_not_is_missing() {
        let tree = "deliver v0.1.0 (/somewhere)\nserde v1.0.229\nserde_derive v1.0.229 (proc-macro) (*)\n\n";
        let built = of_tree(tree);
        assert_eq!(built.len(), 3);
        let document =
            json!({ "components": [{ "name": "serde", "version": "1.0.229" }, { "name": "odd" }] });
        let missing: Vec<_> = built.difference(&listed(&document)).cloned().collect();
        assert_eq!(missing, ["deliver 0.1.0", "serde_derive 1.0.229"]);
    }
}
