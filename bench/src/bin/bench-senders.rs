//! Measures the cost of sending a code: our custom SMS sender beside equal senders in Node.js and in Python,
//! in one run.
//!
//! Each round starts every sender anew, in turn, so that a slow minute of the machine affects all of them.
//! All senders of a round get the same events: codes that the local pool has just sealed. Each code has its
//! own user, so that no event is a repetition. A message that does not arrive fails the run. Ratios are taken
//! within a round. Figures are medians over the rounds.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bench::measure::{Environment, Start, WARM_INVOCATIONS, count, median};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use end_to_end::{Cloud, SealedEvents, functions, roomy_policy, workspace};
use local_lambda_host::FunctionSpec;
use serde_json::{Value, json};

const ECHO: &str = "echo";
const OURS: &str = "custom-sms-sender";

#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of our built binaries: the sender and the echo
    #[arg(long)]
    functions: PathBuf,
    /// Node.js
    #[arg(long)]
    node: PathBuf,
    /// The Node sender's entry point, with its packages beside it
    #[arg(long)]
    node_modules: PathBuf,
    /// The same in one bundled file
    #[arg(long)]
    node_bundle: PathBuf,
    /// Python, with the official AWS Encryption SDK and boto3
    #[arg(long)]
    python: PathBuf,
    /// Folder of the two small senders that differ in their reader of sealed codes only
    #[arg(long)]
    readers: Option<PathBuf>,
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Where the figures go as JSON
    #[arg(long)]
    json: PathBuf,
}

/// One of the programs that are compared.
struct Subject {
    name: &'static str,
    spec: FunctionSpec,
    /// The deployed file, if it is a single one.
    file: Option<PathBuf>,
    sends: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut sealed = SealedEvents::listen().await?;
    let cloud =
        Cloud::start_with(&["--sign-in-with", "phone", "--lambda-endpoint", &sealed.endpoint]).await?;
    let policy = roomy_policy()?;
    let subjects = subjects(&arguments, &cloud, policy.path()).await?;
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let events = sealed.draw(&cloud, 1 + WARM_INVOCATIONS).await?;
        let (first, others) = events.split_first().context("no events")?;
        let mut sent = 0;
        let mut round = BTreeMap::new();
        for subject in &subjects {
            let started = start(&cloud, subject, first, others).await.context(subject.name)?;
            round.insert(subject.name, started);
            sent += usize::from(subject.sends);
            all_arrived(&cloud, &events, sent).await.context(subject.name)?;
        }
        rounds.push(round);
    }
    cloud.stop().await?;

    let figures: Vec<_> = subjects.iter().map(|subject| figures(subject, &rounds)).collect();
    fs::write(&arguments.json, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| arguments.json.display().to_string())?;
    writeln!(stdout(), "{}", table(&figures))?;
    Ok(())
}

async fn subjects(arguments: &Arguments, cloud: &Cloud, policy: &Path) -> Result<Vec<Subject>> {
    let ours = functions().iter().find(|function| function.name == OURS).context("no such function")?;
    let echo_file = arguments.functions.join(ECHO);
    let our_file = arguments.functions.join(OURS);
    let mut our_spec = cloud.function(ours, &our_file)?;
    our_spec.environment.insert("MFA_CONFIG_DIR".into(), policy.display().to_string());
    let environment: BTreeMap<_, _> = [
        ("AWS_ENDPOINT_URL_KMS", cloud.endpoint("kms")?.to_owned()),
        ("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", cloud.endpoint("sms")?.to_owned()),
        ("KMS_KEY_ARN", cloud.code_key().await?),
        ("USER_POOL_ID", cloud.endpoint("userPoolId")?.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let peer = |name, command: &PathBuf, script: Option<&PathBuf>, file| {
        // The peer's calls count as our function's.
        let mut spec = FunctionSpec::new(OURS, command);
        // The SDK's advice to leave Node 20 is no part of the work.
        let quiet = (command == &arguments.node).then(|| "--no-warnings".into());
        spec.args = quiet.into_iter().chain(script.map(Into::into)).collect();
        spec.environment.clone_from(&environment);
        Subject { name, spec, file, sends: true }
    };
    let mut subjects = vec![
        Subject {
            name: ECHO,
            spec: FunctionSpec::new(ECHO, &echo_file),
            file: Some(echo_file),
            sends: false,
        },
        Subject { name: OURS, spec: our_spec, file: Some(our_file), sends: true },
        peer("Node, packages", &arguments.node, Some(&arguments.node_modules), None),
        peer(
            "Node, bundled",
            &arguments.node,
            Some(&arguments.node_bundle),
            Some(arguments.node_bundle.clone()),
        ),
    ];
    let python = workspace().join("bench/peers/custom-sms-sender-python/bootstrap.py");
    subjects.push(peer("Python", &arguments.python, Some(&python), None));
    if let Some(folder) = &arguments.readers {
        let own = folder.join("custom-sms-sender-own");
        let official = folder.join("custom-sms-sender-esdk");
        subjects.push(peer("only our reader", &own, None, Some(own.clone())));
        subjects.push(peer("only aws-esdk", &official, None, Some(official.clone())));
    }
    Ok(subjects)
}

/// A start, and its calls of AWS.
struct Started {
    start: Start,
    /// Calls in the first invocation, and in a warm one.
    first_calls: f64,
    warm_calls: f64,
}

async fn start(cloud: &Cloud, subject: &Subject, first: &Value, others: &[Value]) -> Result<Started> {
    let Subject { spec, file, .. } = subject;
    let before = cloud.calls(&spec.name).await?;
    let is_binary = file.as_ref() == Some(&spec.command);
    let mut environment = if is_binary {
        Environment::start_copy(spec.clone(), first).await?
    } else {
        Environment::start(spec.clone(), first).await?
    };
    let after_first = cloud.calls(&spec.name).await?;
    environment.account()?;
    for event in others {
        environment.invoke(event).await?;
        environment.account()?;
    }
    let warm_calls = (cloud.calls(&spec.name).await? - after_first) / count(others.len());
    Ok(Started { start: environment.figures()?, first_calls: after_first - before, warm_calls })
}

/// Checks that every user got one message per sender, all with the same code.
async fn all_arrived(cloud: &Cloud, events: &[Value], senders: usize) -> Result<()> {
    for event in events {
        let to = event.pointer("/request/userAttributes/phone_number").and_then(Value::as_str);
        let mut codes = cloud.codes(to.context("no phone number")?).await?;
        ensure!(codes.len() == senders, "{} messages instead of {senders}", codes.len());
        codes.dedup();
        ensure!(codes.len() <= 1 && codes.iter().all(|code| !code.is_empty()), "not the same code");
    }
    Ok(())
}

fn figures(subject: &Subject, rounds: &[BTreeMap<&str, Started>]) -> Value {
    let starts = || rounds.iter().filter_map(|round| round.get(subject.name));
    let of = |figure: fn(&Start) -> f64| median(starts().map(|one| figure(&one.start)).collect());
    let calls = |figure: fn(&Started) -> f64| median(starts().map(figure).collect());
    let to = |other: &str, figure: fn(&Start) -> f64| {
        let ratio = |round: &BTreeMap<&str, Started>| {
            Some(figure(&round.get(subject.name)?.start) / figure(&round.get(other)?.start))
        };
        median(rounds.iter().filter_map(ratio).collect())
    };
    let size = subject.file.as_ref().and_then(|file| Some(fs::metadata(file).ok()?.len()));
    json!({
        "sender": subject.name,
        "sizeBytes": size,
        "initMs": of(|start| start.init),
        "initCpuMs": of(|start| start.init_cpu),
        "firstMs": of(|start| start.first),
        "firstCpuMs": of(|start| start.first_cpu),
        "coldMs": of(Start::cold),
        "coldCpuMs": of(Start::cold_cpu),
        "coldToOurs": to(OURS, Start::cold),
        "coldCpuToOurs": to(OURS, Start::cold_cpu),
        "coldCpuToEcho": to(ECHO, Start::cold_cpu),
        "warmMs": of(|start| start.warm),
        "warmCpuMs": of(|start| start.warm_cpu),
        "warmCpuToOurs": to(OURS, |start| start.warm_cpu),
        "peakMiB": of(|start| start.peak),
        "peakToOurs": to(OURS, |start| start.peak),
        "firstCalls": calls(|one| one.first_calls),
        "warmCalls": calls(|one| one.warm_calls),
        "rounds": starts().count(),
    })
}

fn table(figures: &[Value]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "sender",
        "size MB",
        "calls",
        "init ms (CPU)",
        "first ms (CPU)",
        "cold ms (CPU)",
        "× ours (CPU)",
        "warm ms (CPU)",
        "warm CPU × ours",
        "peak MiB",
        "peak × ours",
    ]);
    for row in figures {
        let number = |key: &str| row.get(key).and_then(Value::as_f64).unwrap_or_default();
        let with_cpu = |wall: &str, cpu: &str| format!("{:.1} ({:.1})", number(wall), number(cpu));
        let size = row.get("sizeBytes").and_then(Value::as_f64);
        table.add_row([
            row.get("sender").and_then(Value::as_str).unwrap_or_default().to_owned(),
            size.map_or_else(|| "–".to_owned(), |bytes| format!("{:.1}", bytes / 1e6)),
            format!("{:.0}", number("warmCalls")),
            with_cpu("initMs", "initCpuMs"),
            with_cpu("firstMs", "firstCpuMs"),
            with_cpu("coldMs", "coldCpuMs"),
            with_cpu("coldToOurs", "coldCpuToOurs"),
            format!("{:.2} ({:.2})", number("warmMs"), number("warmCpuMs")),
            format!("{:.1}", number("warmCpuToOurs")),
            format!("{:.1}", number("peakMiB")),
            format!("{:.1}", number("peakToOurs")),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
