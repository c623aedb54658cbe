//! Writes docs/reference/benchmarks.md and its picture from the figures of one machine.

mod aims;
mod bill;
mod picture;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bench::prices::Prices;
use clap::Parser;
use end_to_end::workspace;
use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Environment, context};
use serde_json::Value;

const PAGE: &str = include_str!("page.md.jinja");

#[derive(Debug, Parser)]
struct Arguments {
    /// Where the other benches have left their figures
    folder: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let figures = |name: &str, bench: &str| read(&arguments.folder.join(name), bench);
    let init = figures("init.json", "init --peers")?;
    let senders = figures("senders.json", "senders --readers")?;
    let calls = figures("calls.json", "calls")?;
    let load = figures("load.json", "load")?;
    let prices = Prices::read()?;

    let rounds = |rows: &Value| rows.pointer("/0/rounds").cloned().unwrap_or_default();
    let mut environment = Environment::new();
    for (name, digits) in [("f0", 0), ("f1", 1), ("f2", 2), ("f4", 4)] {
        // A figure that a system does not report is null.
        environment.add_filter(name, move |number: Option<f64>| {
            number.map_or_else(|| "?".to_owned(), |number| format!("{number:.digits$}"))
        });
    }
    let page = environment.render_str(
        PAGE,
        context! {
            date => today(),
            machine => machine(),
            rustc => output("rustc", &["--version"])?,
            node => output("node", &["--version"])?,
            commit => output("git", &["rev-parse", "--short=10", "HEAD"])?,
            aims => shown(&serde_json::to_value(aims::aims(&init, &senders, &calls, &load)?)?),
            rounds => shown(&rounds(&init)),
            senderRounds => shown(&rounds(&senders)),
            walks => shown(calls.get("walks").unwrap_or_default()),
            init => shown(&init),
            senders => shown(&senders),
            calls => shown(&calls),
            load => shown(&load),
            bills => shown(&serde_json::to_value(bill::bills(&init, &senders, &prices)?)?),
            callMs => prices.call_ms,
            memory => prices.function_memory_mib,
            warmPairs => shown(init.pointer("/0/warmInvocations").unwrap_or_default()),
        },
    )?;
    fs::write(workspace().join("docs/reference/benchmarks.md"), page)?;
    picture::draw(&init, &workspace().join("docs/reference/benchmarks.svg"))?;
    writeln!(stdout(), "docs/reference/benchmarks.md and docs/reference/benchmarks.svg are written")?;
    Ok(())
}

fn read(path: &Path, bench: &str) -> Result<Value> {
    let text = fs::read(path)
        .with_context(|| format!("{}: run `cargo xtask bench {bench}` first", path.display()))?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

/// Returns the value for the template. minijinja's own bridge is a feature that the functions would then
/// contain too.
fn shown(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => ().into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => whole.into(),
            None => number.as_f64().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), shown(value)));
            members.collect::<BTreeMap<_, _>>().into()
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the day of the figures: no test sets it")]
fn today() -> String {
    Timestamp::now().to_zoned(TimeZone::UTC).date().to_string()
}

/// Returns the processors, as the operating system names them.
fn machine() -> String {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{count} processors ({}), {}", std::env::consts::ARCH, std::env::consts::OS)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).current_dir(workspace()).output().context("not there")?;
    ensure!(output.status.success(), "{program}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
