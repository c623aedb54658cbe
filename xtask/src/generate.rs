//! `cargo xtask generate`: writes generated files that are committed. A test fails when they are outdated.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::steps::succeed;
use crate::{tools, workspace};

pub(crate) fn run() -> Result<()> {
    let status = workspace::cargo(&["run", "--quiet", "--package", "phone-plan"]).status();
    ensure!(status.context("cargo run")?.success(), "the table of phone numbers was not written");
    let mut document = workspace::cargo(&["test", "--quiet", "--package", "mfa-core", "--lib", "openapi"]);
    let status = document.env("UPDATE_EXPECT", "1").stdout(Stdio::null()).status();
    ensure!(status.context("cargo test")?.success(), "the OpenAPI document was not written");
    let programs = tools::install_template_tools()?;
    for script in ["parameters.py", "idle_cost.py"] {
        let mut python = Command::new(programs.join("python"));
        python.arg(workspace::root().join("tests/translator").join(script)).arg("--write");
        succeed(python.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    }
    Ok(())
}
