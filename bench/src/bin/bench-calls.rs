//! The cost of each journey of a user: invocations, calls of AWS, DynamoDB's units, CPU, and AWS's list
//! prices for them.
//!
//! Counts are exact and the same on every machine. CPU is that of the functions' processes, warm.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::{measure::percentile, prices::Prices};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use end_to_end::{
    Cloud,
    processes::Processes,
    scenarios::{POLICY, Scenario, ScenarioUser},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// After this long without a further call, no call follows. Senders and notices continue after the answer.
const QUIET: Duration = Duration::from_millis(400);

#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the functions' binaries
    #[arg(long)]
    functions: PathBuf,
    /// Times that each journey is walked; counts are of one
    #[arg(long, default_value_t = 20)]
    walks: u32,
    /// Where the figures go as JSON
    #[arg(long)]
    json: PathBuf,
}

/// The work of our functions.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Work {
    invocations: f64,
    calls: f64,
    kms_calls: f64,
    read_units: f64,
    write_units: f64,
    cpu_ms: f64,
    by_function: BTreeMap<String, f64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let prices = Prices::read()?;
    let policy = tempfile::tempdir()?;
    fs::write(policy.path().join("policy.toml"), POLICY)?;
    let folder = |path: &std::path::Path| path.display().to_string();
    let flags = ["--functions-dir", &folder(&arguments.functions), "--config-dir", &folder(policy.path())];
    let cloud = Cloud::start_with(&flags).await?;
    let mut index = 0;
    let mut rows = Vec::new();
    for scenario in Scenario::MEASURED {
        let work = of_one(&cloud, scenario, arguments.walks, &mut index).await.context(scenario.name())?;
        let dollars = price(&prices, scenario, &work) * 1_000.0;
        rows.push(json!({ "journey": scenario.name(), "work": work, "dollarsPer1000": dollars }));
    }
    let latency = latency(&cloud, &mut index).await?;
    cloud.stop().await?;
    let result = json!({ "walks": arguments.walks, "journeys": rows, "latency": latency });
    fs::write(&arguments.json, serde_json::to_vec_pretty(&result)?)
        .with_context(|| arguments.json.display().to_string())?;
    writeln!(stdout(), "{}\n", table(&rows))?;
    for (path, times) in &latency {
        writeln!(stdout(), "{path}: p50 {:.1} ms, p99 {:.1} ms", times.p50, times.p99)?;
    }
    Ok(())
}

/// Returns the mean of some walks, after one that starts all functions.
async fn of_one(cloud: &Cloud, scenario: Scenario, walks: u32, index: &mut usize) -> Result<Work> {
    let mut users = Vec::new();
    for _ in 0..=walks {
        *index += 1;
        users.push(ScenarioUser::prepare(cloud, scenario, *index).await?);
    }
    let (first, others) = users.split_first().context("no user was prepared")?;
    first.walk(cloud).await?;
    let before = settled(cloud).await?;
    for user in others {
        user.walk(cloud).await?;
        // One walk after the other, so that each finds the functions warm and starts none in parallel.
        settled(cloud).await?;
    }
    let after = settled(cloud).await?;
    Ok(after.since(&before, f64::from(walks)))
}

/// Returns all work so far, once no more work is in progress.
async fn settled(cloud: &Cloud) -> Result<Work> {
    let mut last = done(cloud).await?;
    loop {
        sleep(QUIET).await;
        let next = done(cloud).await?;
        let is_still = |work: &Work| (work.invocations.to_bits(), work.calls.to_bits());
        if is_still(&next) == is_still(&last) {
            return Ok(next);
        }
        last = next;
    }
}

async fn done(cloud: &Cloud) -> Result<Work> {
    let mut work = Work::default();
    let seen = cloud.request("console", "GET", "/api/calls", String::new()).await?;
    for (function, actions) in seen.as_object().context("no calls")? {
        for (action, count) in actions.as_object().context("no actions")? {
            let number = |name: &str| count.get(name).and_then(Value::as_f64).unwrap_or_default();
            work.calls += number("calls");
            work.read_units += number("readUnits");
            work.write_units += number("writeUnits");
            if action.starts_with("kms:") {
                work.kms_calls += number("calls");
            }
            *work.by_function.entry(function.clone()).or_default() += number("calls");
        }
    }
    let invocations = cloud.request("console", "GET", "/api/invocations", String::new()).await?;
    let numbers = invocations.as_array().into_iter().flatten();
    let last = numbers.filter_map(|record| record.get("number")?.as_f64()).fold(0.0, f64::max);
    work.invocations = last;
    let processes = Processes::of(cloud.process_id().context("the cloud has ended")?);
    work.cpu_ms = processes.functions.iter().map(|one| one.cpu.as_secs_f64() * 1_000.0).sum();
    Ok(work)
}

#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p99: f64,
}

/// Returns the latency of the two routes that an app calls at every start, warm, at the gateway. Beside them
/// is the latency of the calls that the first route makes to the pool.
async fn latency(cloud: &Cloud, index: &mut usize) -> Result<BTreeMap<&'static str, Times>> {
    const ASKED: usize = 500;
    const BREATH: Duration = Duration::from_millis(50);
    const POOL: &str = "GetUser (the pool alone)";
    *index += 1;
    let token = cloud.add_user(&format!("user-{index}@example.com")).await?;
    let mut times = BTreeMap::<_, Vec<_>>::new();
    for round in 0..=ASKED {
        // The pause avoids the gateway's limit, which is not measured here.
        sleep(BREATH).await;
        for path in ["GET /mfa", "GET /mfa/preference", POOL] {
            let start = Instant::now();
            match path.split_once(' ') {
                Some(("GET", path)) => {
                    let (status, body) = cloud.api("GET", path, Some(&token), &Value::Null).await?;
                    ensure!(status == 200, "{path}: {status} {body}");
                }
                _ => cloud.cognito("GetUser", json!({ "AccessToken": token })).await.map(drop)?,
            }
            if round > 0 {
                times.entry(path).or_default().push(start.elapsed().as_secs_f64() * 1_000.0);
            }
        }
    }
    let of = |times: Vec<f64>| Times { p50: percentile(&times, 0.5), p99: percentile(&times, 0.99) };
    Ok(times.into_iter().map(|(path, times)| (path, of(times))).collect())
}

impl Work {
    fn since(&self, before: &Self, walks: f64) -> Self {
        let by_function = self.by_function.iter().filter_map(|(function, calls)| {
            let more = calls - before.by_function.get(function).copied().unwrap_or_default();
            (more > 0.0).then(|| (function.clone(), more / walks))
        });
        Self {
            invocations: (self.invocations - before.invocations) / walks,
            calls: (self.calls - before.calls) / walks,
            kms_calls: (self.kms_calls - before.kms_calls) / walks,
            read_units: (self.read_units - before.read_units) / walks,
            write_units: (self.write_units - before.write_units) / walks,
            cpu_ms: (self.cpu_ms - before.cpu_ms) / walks,
            by_function: by_function.collect(),
        }
    }
}

/// Returns the price of one journey in US dollars, without the messages' own price.
fn price(prices: &Prices, scenario: Scenario, work: &Work) -> f64 {
    let requests = match scenario {
        Scenario::Overview => 1.0,
        Scenario::Enrol => 2.0,
        Scenario::Recovery => 3.0,
        _ => 0.0,
    };
    let billed = prices.billed_ms(work.cpu_ms, work.calls);
    work.invocations * prices.lambda_request
        + prices.gigabyte_seconds(billed) * prices.lambda_gb_second
        + work.read_units * prices.dynamodb_read_unit
        + work.write_units * prices.dynamodb_write_unit
        + work.kms_calls * prices.kms_request
        + requests * prices.api_request
}

fn table(rows: &[Value]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "journey",
        "invocations",
        "calls of AWS",
        "RCU",
        "WCU",
        "CPU ms",
        "$ per 1,000",
    ]);
    for row in rows {
        let number = |pointer: &str| row.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
        table.add_row([
            row.get("journey").and_then(Value::as_str).unwrap_or_default().to_owned(),
            format!("{:.1}", number("/work/invocations")),
            format!("{:.1}", number("/work/calls")),
            format!("{:.1}", number("/work/readUnits")),
            format!("{:.1}", number("/work/writeUnits")),
            format!("{:.1}", number("/work/cpuMs")),
            format!("{:.4}", number("/dollarsPer1000")),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
