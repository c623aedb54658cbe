//! `cargo xtask fuzz`: cargo-fuzz on stable Rust, with the sealed samples of `events/` as seeds.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use data_encoding::BASE64;
use serde_json::Value;

use crate::steps::succeed;
use crate::{tools, workspace};

/// No sanitizer: those need nightly, and the core has no unsafe code for them to watch.
const SANITIZER: &str = "none";
/// Longer than any message that is read at all.
const LONGEST_INPUT: usize = 6_000;

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    /// A sealed code, as bytes
    Sealed,
    /// A sealed code, as the text in `request.code`
    SealedBase64,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::SealedBase64 => "sealed_base64",
        }
    }
}

/// Runs one target for so long, or until the first input that it crashes on.
pub(crate) fn run(target: Target, seconds: u32) -> Result<()> {
    let cargo_fuzz = tools::install_cargo_fuzz()?;
    let folder = workspace::target_directory()?.join("fuzz");
    let (corpus, seeds) =
        (folder.join("corpus").join(target.name()), folder.join("seeds").join(target.name()));
    fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
    write_seeds(target, &seeds)?;
    let mut command = std::process::Command::new(cargo_fuzz);
    command
        .args(["run", "--fuzz-dir", "shared/fuzz", "--sanitizer", SANITIZER])
        .arg("--target-dir")
        .arg(&folder)
        .arg(target.name())
        // What is found goes to the first folder.
        .args([corpus, seeds])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST_INPUT}"))
        .arg("-print_final_stats=1")
        .current_dir(workspace::root());
    succeed(&mut command)
}

/// A file for each sample that an official SDK has sealed.
fn write_seeds(target: Target, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for file in ["esdk-keys.json", "esdk-keys.javascript.json"] {
        let path = workspace::root().join("events").join(file);
        let material: Value = serde_json::from_slice(&fs::read(&path)?)?;
        for group in ["events", "variants", "refused"] {
            for (name, sample) in material.get(group).and_then(Value::as_object).into_iter().flatten() {
                let code = sample.get("code").and_then(Value::as_str).context("a sample without a code")?;
                let seed = match target {
                    Target::Sealed => BASE64.decode(code.as_bytes())?,
                    Target::SealedBase64 => code.as_bytes().to_vec(),
                };
                fs::write(folder.join(format!("{file}-{name}")), seed)?;
            }
        }
    }
    Ok(())
}
