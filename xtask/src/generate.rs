//! `cargo xtask generate`: writes generated files that are committed. A test fails when they are outdated.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::workspace;

pub(crate) fn run() -> Result<()> {
    let status = workspace::cargo(&["run", "--quiet", "--package", "number-plan"]).status();
    ensure!(status.context("cargo run")?.success(), "the table of phone numbers was not written");
    let mut document = workspace::cargo(&["test", "--quiet", "--package", "shared", "--lib", "openapi"]);
    let status = document.env("UPDATE_EXPECT", "1").stdout(Stdio::null()).status();
    ensure!(status.context("cargo test")?.success(), "the OpenAPI document was not written");
    Ok(())
}
