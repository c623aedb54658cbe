//! `cargo xtask fuzz`: cargo-fuzz on stable Rust, with what the repository has as seeds: sealed codes, events,
//! policies, rules, requests. What is found on the way is kept in `target/fuzz/corpus/`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use data_encoding::BASE64;
use serde_json::Value;

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
    /// The event of every trigger that decides something
    TriggerEvents,
    /// A request of a signed-in user to the MFA API
    ApiBody,
    /// An operator's policy.toml
    Policy,
    /// A file of an operator's rules
    Rules,
    /// The parameters of an SRP sign-in at the local pool
    Srp,
    /// Any operation of the local pool's wire protocol
    PoolWire,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::SealedBase64 => "sealed_base64",
            Self::TriggerEvents => "trigger_events",
            Self::ApiBody => "api_body",
            Self::Policy => "policy",
            Self::Rules => "rules",
            Self::Srp => "srp",
            Self::PoolWire => "pool_wire",
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
    fs::create_dir_all(&seeds).with_context(|| seeds.display().to_string())?;
    write_seeds(target, &seeds)?;
    let mut command = Command::new(cargo_fuzz);
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
    watch(target, &mut command)
}

/// Passes on what libFuzzer says, and sums it up.
fn watch(target: Target, command: &mut Command) -> Result<()> {
    let mut child = command.stderr(Stdio::piped()).spawn().context("cargo-fuzz")?;
    let said = child.stderr.take().context("cargo-fuzz: no output")?;
    let (mut executions, mut coverage) = (None, None);
    for line in BufReader::new(said).lines() {
        let line = String::from_utf8_lossy(line?.as_bytes()).into_owned();
        executions = after(&line, "stat::number_of_executed_units:").or(executions);
        coverage = after(&line, " cov:").or(coverage);
        eprintln!("{line}");
    }
    let status = child.wait()?;
    let known =
        |figure: Option<u64>| figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string());
    eprintln!("{}: {} executions, {} edges covered", target.name(), known(executions), known(coverage));
    ensure!(status.success(), "{}: {status}", target.name());
    Ok(())
}

/// The number behind a word.
fn after(line: &str, word: &str) -> Option<u64> {
    line.split_once(word)?.1.split_whitespace().next()?.parse().ok()
}

fn write_seeds(target: Target, folder: &Path) -> Result<()> {
    let events = workspace::root().join("events");
    match target {
        Target::Sealed | Target::SealedBase64 => write_sealed(target, folder),
        Target::TriggerEvents => copy(&events, folder, |name| {
            name.contains('_')
                && !["Parcel_", "Recovery_", "Reconcile_"].iter().any(|kind| name.starts_with(kind))
        }),
        Target::ApiBody => {
            let text = fs::read(workspace::root().join("infra/openapi.json"))?;
            let document: Value = serde_json::from_slice(&text)?;
            let paths = document.get("paths").and_then(Value::as_object);
            for (number, (path, item)) in paths.into_iter().flatten().enumerate() {
                for method in item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase())
                {
                    let seed = format!(
                        "{method} {path}\n{{\"name\":\"Phone\",\"code\":\"123456\",\"totp\":\"PREFERRED\"}}"
                    );
                    fs::write(folder.join(format!("{number}-{method}")), seed)?;
                }
            }
            Ok(())
        }
        Target::Policy => {
            copy(&workspace::root().join("shared/src/config/policy"), folder, |name| name == "policy.toml")
        }
        Target::Rules => copy(&workspace::root().join("docs/rules"), folder, |name| name.contains(".cedar")),
        Target::Srp => {
            let seeds = ["2f\nc2ln\n\n", "\nAAAA\n\nFri Jan 2 03:04:05 UTC 2026", "0\n\n\n", "ff\n=\nAA\n"];
            for (number, seed) in seeds.into_iter().enumerate() {
                fs::write(folder.join(number.to_string()), seed)?;
            }
            Ok(())
        }
        Target::PoolWire => {
            for (name, input) in [
                (
                    "SignUp",
                    r#"{"ClientId":"CLIENT","Username":"sam","Password":"Correct-Horse-9","UserAttributes":[{"Name":"email","Value":"sam@example.com"}]}"#,
                ),
                ("ConfirmSignUp", r#"{"ClientId":"CLIENT","Username":"sam","ConfirmationCode":"123456"}"#),
                (
                    "InitiateAuth",
                    r#"{"ClientId":"CLIENT","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"alex","PASSWORD":"x"}}"#,
                ),
                (
                    "InitiateAuth",
                    r#"{"ClientId":"CLIENT","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"alex"}}"#,
                ),
                (
                    "RespondToAuthChallenge",
                    r#"{"ClientId":"CLIENT","ChallengeName":"SMS_MFA","Session":"AYAB","ChallengeResponses":{"USERNAME":"alex"}}"#,
                ),
                ("ListUsers", r#"{"UserPoolId":"POOL","Filter":"email ^= \"a\"","Limit":2}"#),
                ("AdminGetUser", r#"{"UserPoolId":"POOL","Username":"alex"}"#),
                (
                    "SetUserPoolMfaConfig",
                    r#"{"UserPoolId":"POOL","MfaConfiguration":"OPTIONAL","SoftwareTokenMfaConfiguration":{"Enabled":true}}"#,
                ),
                (
                    "UpdateUserPool",
                    r#"{"UserPoolId":"POOL","Policies":{"PasswordPolicy":{"MinimumLength":8}}}"#,
                ),
                ("ForgotPassword", r#"{"ClientId":"CLIENT","Username":"alex"}"#),
            ] {
                fs::write(folder.join(format!("{name}-{}", input.len())), format!("{name}\n{input}"))?;
            }
            Ok(())
        }
    }
}

/// Every file of a folder whose name is wanted.
fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    for entry in from.read_dir().with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if wanted(&name) {
            fs::copy(entry.path(), to.join(&name)).with_context(|| name.clone())?;
        }
    }
    Ok(())
}

/// A file for each sample that an official SDK has sealed.
fn write_sealed(target: Target, folder: &Path) -> Result<()> {
    for file in ["esdk-keys.json", "esdk-keys.javascript.json"] {
        let path = workspace::root().join("events").join(file);
        let material: Value = serde_json::from_slice(&fs::read(&path)?)?;
        for group in ["events", "variants", "refused"] {
            for (name, sample) in material.get(group).and_then(Value::as_object).into_iter().flatten() {
                let code = sample.get("code").and_then(Value::as_str).context("a sample without a code")?;
                let seed = match target {
                    Target::Sealed => BASE64.decode(code.as_bytes())?,
                    _ => code.as_bytes().to_vec(),
                };
                fs::write(folder.join(format!("{file}-{name}")), seed)?;
            }
        }
    }
    Ok(())
}
