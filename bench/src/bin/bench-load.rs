//! Mixed traffic against the local cloud. First a few people go as fast as they can (closed loop). Then
//! people come at a fixed rate (open loop), where the wait for a slow journey counts too.
//!
//! The program fails if a journey fails, a message is lost, or a function's event becomes a dead letter. It
//! also fails if the functions' memory grows over the second half of a span.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::measure::percentile;
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use end_to_end::{
    Cloud,
    processes::Processes,
    scenarios::{POLICY, Scenario, ScenarioUser},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

/// The number of each scenario among a hundred.
const MIX: [(Scenario, usize); 9] = [
    (Scenario::Password, 30),
    (Scenario::Totp, 15),
    (Scenario::Sms, 10),
    (Scenario::CustomEmail, 10),
    (Scenario::Refresh, 15),
    (Scenario::Overview, 10),
    (Scenario::SignUp, 5),
    (Scenario::Enrol, 4),
    (Scenario::Recovery, 1),
];
/// Distributes the scenarios, so that the rare ones are not all at the end. It is coprime to 100.
const STRIDE: usize = 37;
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// The share by which the functions' memory may change over the second half.
const FLAT: f64 = 0.05;

#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the functions' binaries
    #[arg(long)]
    functions: PathBuf,
    /// Length of each of the two spans
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// People at a time, in the closed loop
    #[arg(long, default_value_t = 4)]
    people: usize,
    /// Journeys a second, in the open loop
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Where the figures go as JSON
    #[arg(long)]
    json: PathBuf,
}

/// One walk, timed from its planned start to its end.
struct Walk {
    scenario: Scenario,
    took: Duration,
    fault: Option<String>,
}

struct Sample {
    at: Duration,
    cloud: u64,
    /// The memory of each function's largest environment.
    functions: BTreeMap<String, u64>,
}

/// Users with the time from which they may go, and the number of their journeys so far.
type Queue = VecDeque<(Instant, u32, ScenarioUser)>;

/// Users who may go (again), by journey.
#[derive(Default)]
struct Waiting {
    by_scenario: Mutex<BTreeMap<Scenario, Queue>>,
    index: AtomicUsize,
    turn: AtomicUsize,
}

impl Waiting {
    fn next_scenario(&self) -> Scenario {
        let at = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(STRIDE) % 100;
        let mut end = 0;
        let of_mix = MIX.iter().find(|(_, share)| {
            end += share;
            at < end
        });
        of_mix.map_or(Scenario::Password, |(scenario, _)| *scenario)
    }

    /// Returns a user who has waited long enough, or a new user.
    async fn take(&self, cloud: &Cloud, scenario: Scenario) -> Result<(u32, ScenarioUser)> {
        let waiting = || {
            let mut by_scenario = self.by_scenario.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = by_scenario.get_mut(&scenario)?;
            queue.pop_front_if(|(from, ..)| *from <= Instant::now())
        };
        if let Some((_, walked, user)) = waiting() {
            return Ok((walked, user));
        }
        let index = self.index.fetch_add(1, Ordering::Relaxed);
        Ok((0, ScenarioUser::prepare(cloud, scenario, index).await?))
    }

    fn put_back(&self, scenario: Scenario, walked: u32, user: ScenarioUser) {
        if walked < scenario.most() {
            let from = Instant::now() + scenario.pause();
            let mut by_scenario = self.by_scenario.lock().unwrap_or_else(PoisonError::into_inner);
            by_scenario.entry(scenario).or_default().push_back((from, walked, user));
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let span = Duration::from_secs(arguments.seconds);
    let closed = measured(&arguments.functions, span, Loop::Closed { people: arguments.people }).await?;
    let open = measured(&arguments.functions, span, Loop::Open { rate: arguments.rate }).await?;
    let result = json!({ "closed": closed, "open": open });
    fs::write(&arguments.json, serde_json::to_vec_pretty(&result)?)
        .with_context(|| arguments.json.display().to_string())?;
    for span in [&closed, &open] {
        writeln!(
            stdout(),
            "{}\n{}\n",
            span.get("title").and_then(Value::as_str).unwrap_or_default(),
            table(span)
        )?;
    }
    for span in [&closed, &open] {
        sound(span)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Loop {
    Closed { people: usize },
    Open { rate: f64 },
}

/// Runs a span of load on its own cloud.
async fn measured(functions: &Path, span: Duration, kind: Loop) -> Result<Value> {
    let policy = tempfile::tempdir()?;
    fs::write(policy.path().join("policy.toml"), POLICY)?;
    let folder = |path: &Path| path.display().to_string();
    let flags = ["--functions-dir", &folder(functions), "--config-dir", &folder(policy.path())];
    let cloud = Arc::new(Cloud::start_with(&flags).await?);
    let waiting = Arc::new(Waiting::default());
    let walks = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let end = start + span;

    let process = cloud.process_id().context("the cloud has ended")?;
    let sampling = tokio::spawn(async move {
        let mut samples = Vec::new();
        let mut tick = interval(SAMPLE_EVERY);
        while Instant::now() < end {
            tick.tick().await;
            samples.push(sample(process, start.elapsed()));
        }
        samples
    });
    let mut people = JoinSet::new();
    match kind {
        Loop::Closed { people: count } => {
            for _ in 0..count {
                let (cloud, waiting, walks) = (cloud.clone(), waiting.clone(), walks.clone());
                people.spawn(async move {
                    while Instant::now() < end {
                        // The time starts when the user is ready: the preparation is no part of the journey.
                        let scenario = waiting.next_scenario();
                        let user = waiting.take(&cloud, scenario).await;
                        walk(&cloud, &waiting, &walks, scenario, user, Instant::now()).await;
                    }
                });
            }
        }
        Loop::Open { rate } => {
            // Prepares the users of the first two minutes, because the preparation is no load of the span.
            let gap = Duration::from_secs_f64(1.0 / rate);
            let mut due = start;
            while due < end {
                let scenario = waiting.next_scenario();
                let user = waiting.take(&cloud, scenario).await;
                due = (due + gap).max(start);
                sleep_until(due).await;
                let (cloud, waiting, walks) = (cloud.clone(), waiting.clone(), walks.clone());
                people.spawn(async move { walk(&cloud, &waiting, &walks, scenario, user, due).await });
            }
        }
    }
    while let Some(ended) = people.join_next().await {
        ended?;
    }
    let elapsed = start.elapsed();
    let samples = sampling.await?;
    let letters = cloud.request("console", "GET", "/api/dead-letters", String::new()).await?;
    let walks = std::mem::take(&mut *walks.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(cloud) = Arc::into_inner(cloud) {
        cloud.stop().await?;
    }
    Ok(report(kind, elapsed, &walks, &samples, &letters))
}

async fn walk(
    cloud: &Cloud,
    waiting: &Waiting,
    walks: &Mutex<Vec<Walk>>,
    scenario: Scenario,
    user: Result<(u32, ScenarioUser)>,
    due: Instant,
) {
    let outcome = match &user {
        Ok((_, user)) => user.walk(cloud).await,
        Err(fault) => Err(anyhow::anyhow!("not ready: {fault:#}")),
    };
    let fault = outcome.err().map(|fault| format!("{fault:#}"));
    let is_well = fault.is_none();
    let walk = Walk { scenario, took: due.elapsed(), fault };
    walks.lock().unwrap_or_else(PoisonError::into_inner).push(walk);
    if let (true, Ok((walked, user))) = (is_well, user) {
        waiting.put_back(scenario, walked.saturating_add(1), user);
    }
}

fn sample(process: u32, at: Duration) -> Sample {
    let seen = Processes::of(process);
    let mut functions = BTreeMap::<String, u64>::new();
    for one in seen.functions {
        let largest = functions.entry(one.name).or_default();
        *largest = (*largest).max(one.memory);
    }
    Sample { at, cloud: seen.cloud.map(|one| one.memory).unwrap_or_default(), functions }
}

fn report(kind: Loop, elapsed: Duration, walks: &[Walk], samples: &[Sample], letters: &Value) -> Value {
    let scenarios: Vec<_> = Scenario::MEASURED
        .into_iter()
        .map(|scenario| {
            let of_it = || walks.iter().filter(|walk| walk.scenario == scenario && walk.fault.is_none());
            let times: Vec<_> = of_it().map(|walk| walk.took.as_secs_f64() * 1_000.0).collect();
            json!({
                "journey": scenario.name(),
                "walks": times.len(),
                "p50Ms": percentile(&times, 0.5),
                "p99Ms": percentile(&times, 0.99),
                "p999Ms": percentile(&times, 0.999),
            })
        })
        .collect();
    let faults: Vec<_> = walks.iter().filter_map(|walk| walk.fault.as_deref()).collect();
    let lost = faults.iter().filter(|fault| fault.contains("was lost")).count();
    let title = match kind {
        Loop::Closed { people } => format!("Closed loop, {people} people at a time"),
        Loop::Open { rate } => format!("Open loop, {rate} journeys a second"),
    };
    json!({
        "title": title,
        "seconds": elapsed.as_secs_f64(),
        "walks": walks.len(),
        "perSecond": count(walks.len()) / elapsed.as_secs_f64(),
        "errors": faults.len(),
        "kindsOfErrors": kinds(walks),
        "lostMessages": lost,
        "deadLetters": letters.as_array().map_or(0, Vec::len),
        "journeys": scenarios,
        "growth": growth(samples),
        "cloudMiB": samples.last().map(|sample| mebibytes(sample.cloud)),
    })
}

/// Counts each kind of fault. Words with digits (names, request ids) are ignored.
fn kinds(walks: &[Walk]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for walk in walks {
        if let Some(fault) = &walk.fault {
            let words =
                fault.split_whitespace().filter(|word| !word.contains(|one: char| one.is_ascii_digit()));
            let kind = words.collect::<Vec<_>>().join(" ");
            *kinds.entry(format!("{}: {kind}", walk.scenario.name())).or_default() += 1;
        }
    }
    kinds
}

/// Returns the growth of each function's largest environment over the second half. It compares the maximum of
/// the last quarter with that of the quarter before. A mean would vary, because a new environment has not
/// touched all of its pages yet.
fn growth(samples: &[Sample]) -> BTreeMap<String, Value> {
    let end = samples.last().map(|sample| sample.at).unwrap_or_default();
    let most = |name: &str, from: f64, to: f64| {
        let within = samples.iter().filter(|sample| {
            let share = sample.at.as_secs_f64() / end.as_secs_f64();
            (from..=to).contains(&share)
        });
        within.filter_map(|sample| sample.functions.get(name)).max().map(|size| mebibytes(*size))
    };
    let names = samples.last().into_iter().flat_map(|sample| sample.functions.keys());
    names
        .filter_map(|name| {
            let (before, after) = (most(name, 0.5, 0.75)?, most(name, 0.75, 1.0)?);
            Some((name.clone(), json!({ "mib": after, "growth": after / before - 1.0 })))
        })
        .collect()
}

/// Checks the promises of a span.
fn sound(span: &Value) -> Result<()> {
    for none in ["errors", "lostMessages", "deadLetters"] {
        let found = span.get(none).and_then(Value::as_u64);
        ensure!(found == Some(0), "{none}: {found:?}: {:?}", span.get("kindsOfErrors"));
    }
    let growth = span.get("growth").and_then(Value::as_object).context("no memory was seen")?;
    ensure!(!growth.is_empty(), "no memory was seen: run it on Linux");
    for (function, seen) in growth {
        let growth = seen.get("growth").and_then(Value::as_f64).unwrap_or_default();
        ensure!(growth <= FLAT, "{function} grew by {:.1} % over the second half", growth * 100.0);
    }
    Ok(())
}

fn table(span: &Value) -> String {
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64).unwrap_or_default();
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_header(["journey", "walks", "p50 ms", "p99 ms", "p99.9 ms"]);
    for row in span.get("journeys").and_then(Value::as_array).into_iter().flatten() {
        table.add_row([
            row.get("journey").and_then(Value::as_str).unwrap_or_default().to_owned(),
            format!("{:.0}", number(row, "walks")),
            format!("{:.1}", number(row, "p50Ms")),
            format!("{:.1}", number(row, "p99Ms")),
            format!("{:.1}", number(row, "p999Ms")),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!(
        "{table}\n{:.1} journeys a second; errors {}, lost messages {}, dead letters {}",
        number(span, "perSecond"),
        number(span, "errors"),
        number(span, "lostMessages"),
        number(span, "deadLetters"),
    )
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 walks")]
fn count(number: usize) -> f64 {
    number as f64
}
