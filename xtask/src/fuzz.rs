//! `cargo xtask fuzz`: runs cargo-fuzz on stable Rust. It begins with inputs of the repository: the kept
//! inputs of `fuzz/corpus`, sealed codes, events, policies, rules. New inputs are kept in
//! `target/fuzz/corpus/`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use data_encoding::BASE64;
use serde_json::Value;

use crate::steps::succeed;
use crate::{tools, workspace};

/// No sanitizer: sanitizers need nightly, and the code has no unsafe parts of its own for them to watch.
const SANITIZER: &str = "none";
/// Longer than any message that is read.
const LONGEST_INPUT: usize = 6_000;
/// People read the kept inputs, too.
const LONGEST_KEPT_INPUT: u64 = 2_500;
/// The limit for one target.
const MOST_KEPT_BYTES: u64 = 60_000;
const MOST_KEPT_INPUTS: usize = 40;

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    /// A sealed code, as bytes
    Sealed,
    /// A sealed code, as the text in `request.code`
    SealedBase64,
    /// Events of every trigger that decides something, one after another
    TriggerEvents,
    /// Requests to the MFA API, the admin API and the recovery API
    ApiBody,
    /// An operator's policy.toml
    Policy,
    /// A file of an operator's rules
    Rules,
    /// The parameters of a sign-in by SRP at the local pool
    Srp,
    /// Calls of the local pool's wire protocol, one after another
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

/// The folders with inputs of a target.
struct Inputs {
    /// Inputs found on this machine.
    found: PathBuf,
    /// Inputs of the repository for this target.
    kept: PathBuf,
    /// Inputs made from other files of the repository.
    seeds: PathBuf,
}

impl Inputs {
    fn of(target: Target, folder: &Path) -> Result<Self> {
        let name = target.name();
        let inputs = Self {
            found: folder.join("corpus").join(name),
            kept: workspace::root().join("fuzz/corpus").join(name),
            seeds: folder.join("seeds").join(name),
        };
        for folder in [&inputs.found, &inputs.kept, &inputs.seeds] {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        write_seeds(target, &inputs.seeds)?;
        Ok(inputs)
    }
}

/// Runs one target for the given time, or until the first input that makes it crash.
pub(crate) fn run(target: Target, seconds: u32, keep: bool) -> Result<()> {
    let cargo_fuzz = tools::install_cargo_fuzz()?;
    let folder = workspace::target_directory()?.join("fuzz");
    let inputs = Inputs::of(target, &folder)?;
    let mut command = cargo_fuzz_run(&cargo_fuzz, &folder, target);
    // libFuzzer writes new inputs to the first folder.
    command
        .args([&inputs.found, &inputs.kept, &inputs.seeds])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST_INPUT}"))
        .arg("-print_final_stats=1");
    let dictionary = workspace::root().join("fuzz/dictionaries").join(format!("{}.dict", target.name()));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    watch(target, &mut command)?;
    if keep { add_to_kept(cargo_fuzz_run(&cargo_fuzz, &folder, target), &inputs, &folder) } else { Ok(()) }
}

fn cargo_fuzz_run(cargo_fuzz: &Path, folder: &Path, target: Target) -> Command {
    let mut command = Command::new(cargo_fuzz);
    command
        .args(["run", "--fuzz-dir", "fuzz/libfuzzer", "--sanitizer", SANITIZER])
        .arg("--target-dir")
        .arg(folder)
        .arg(target.name())
        .current_dir(workspace::root());
    // Targets that keep state in files write it again for every input.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        command.env("TMPDIR", memory);
    }
    command
}

/// Prints and sums up what libFuzzer reports. Drops the output of the code under test, above all metrics.
fn watch(target: Target, command: &mut Command) -> Result<()> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("cargo-fuzz")?;
    let said = child.stderr.take().context("cargo-fuzz: no output")?;
    let (mut executions, mut coverage) = (None, None);
    for line in BufReader::new(said).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
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

/// Returns the number after a word.
fn after(line: &str, word: &str) -> Option<u64> {
    line.split_once(word)?.1.split_whitespace().next()?.parse().ok()
}

/// Keeps the fewest new inputs that reach code which the kept inputs do not reach. Inputs that reach most
/// come first, within the limit.
fn add_to_kept(mut merge: Command, inputs: &Inputs, folder: &Path) -> Result<()> {
    let (candidates, chosen) = (folder.join("candidates"), folder.join("chosen"));
    for folder in [&candidates, &chosen] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    for (path, size) in files(&inputs.found)? {
        if size <= LONGEST_KEPT_INPUT {
            copy_into(&path, &candidates)?;
        }
    }
    let kept = files(&inputs.kept)?;
    for (path, _) in &kept {
        copy_into(path, &chosen)?;
    }
    merge.args([&chosen, &candidates]).args(["--", "-set_cover_merge=1"]);
    succeed(&mut merge)?;

    let mut added = Vec::new();
    for (path, size) in files(&chosen)? {
        if path.file_name().is_some_and(|name| !inputs.kept.join(name).exists()) {
            added.push((path.metadata()?.modified()?, path, size));
        }
    }
    // libFuzzer writes the inputs that reach most first.
    added.sort();
    let mut room = MOST_KEPT_BYTES.saturating_sub(kept.iter().map(|(_, size)| size).sum());
    for (_, path, size) in added.into_iter().take(MOST_KEPT_INPUTS.saturating_sub(kept.len())) {
        if size <= room {
            room -= size;
            copy_into(&path, &inputs.kept)?;
        }
    }
    Ok(())
}

/// Returns the files with their sizes, the smallest first.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
        let entry = entry?;
        found.push((entry.path(), entry.metadata()?.len()));
    }
    found.sort_by(|(left, left_size), (right, right_size)| (left_size, left).cmp(&(right_size, right)));
    Ok(found)
}

fn copy_into(path: &Path, folder: &Path) -> Result<()> {
    let name = path.file_name().context("a file has a name")?;
    fs::copy(path, folder.join(name)).with_context(|| path.display().to_string()).map(drop)
}

fn write_seeds(target: Target, folder: &Path) -> Result<()> {
    let root = workspace::root();
    match target {
        Target::Sealed | Target::SealedBase64 => write_sealed(target, folder),
        Target::TriggerEvents => write_events(folder),
        Target::Policy => copy(&root.join("shared/core/src/config/policy"), folder, "toml"),
        Target::Rules => copy(&root.join("docs/operators/rules"), folder, "cedar"),
        Target::ApiBody | Target::Srp | Target::PoolWire => Ok(()),
    }
}

/// Writes the sample events, each on one line. Events of our own functions belong to no trigger.
fn write_events(folder: &Path) -> Result<()> {
    for (path, _) in files(&workspace::root().join("events"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|found| found == "json") && name.contains('_') {
            let event: Value = serde_json::from_slice(&fs::read(&path)?).with_context(|| name.clone())?;
            fs::write(folder.join(name), event.to_string())?;
        }
    }
    Ok(())
}

/// Copies every file of a folder with this extension.
fn copy(from: &Path, to: &Path, extension: &str) -> Result<()> {
    for (path, _) in files(from)? {
        if path.extension().is_some_and(|found| found == extension) {
            copy_into(&path, to)?;
        }
    }
    Ok(())
}

/// Writes a file for each sample that an official SDK has sealed.
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
