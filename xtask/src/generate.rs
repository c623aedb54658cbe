//! `cargo xtask generate`: what is generated and committed. A test says when it is needed.

use anyhow::{Context, Result, ensure};

use crate::workspace;

pub(crate) fn run() -> Result<()> {
    let status = workspace::cargo(&["run", "--quiet", "--package", "number-plan"]).status();
    ensure!(status.context("cargo run")?.success(), "the table of phone numbers was not written");
    Ok(())
}
