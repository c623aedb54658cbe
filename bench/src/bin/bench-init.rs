//! Measures the cost of a cold start: every function beside a bare echo, in the same run.
//!
//! Each round starts every binary anew, and an echo beside each, so that a slow moment of the machine affects
//! both. Warm, the two answer in turn. Ratios are those of such a pair. Figures are medians over the rounds.
//! The echo beside another echo shows how much of a ratio is chance.
//!
//! "Besides network" is CPU time here. It is what an invocation computes, including its calls of AWS, without
//! the waits for their answers. Most of the echo's wall time is the exchange with the Runtime API, which a
//! function has as well. Without this exchange in both, a ratio of CPU time is larger, and so stricter.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bench::measure::{Environment, Start, WARM_PAIRS, count, in_turn, median, percentile};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use end_to_end::{Cloud, Function, functions, sample_events};
use local_lambda_host::FunctionSpec;
use serde_json::{Value, json};

const ECHO: &str = "echo";
const NODE: &str = "Node.js";
const RULES: usize = 20;

#[derive(Debug, Parser)]
struct Arguments {
    /// Folders of built binaries, each with the name of the build: `fat=target/release`
    #[arg(required = true, value_parser = build)]
    builds: Vec<(String, PathBuf)>,
    /// An alternative to a function, bundled for Node.js: `FUNCTION=SCRIPT`
    #[arg(long, value_parser = build)]
    node_peer: Vec<(String, PathBuf)>,
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Where the figures go as JSON
    #[arg(long)]
    json: PathBuf,
}

fn build(argument: &str) -> Result<(String, PathBuf)> {
    let (name, folder) = argument.split_once('=').context("NAME=FOLDER is needed")?;
    Ok((name.to_owned(), folder.into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cloud = Cloud::start().await?;
    let rules = rules()?;
    let subjects = subjects(&cloud, rules.path()).await?;
    let mut rows = BTreeMap::<(String, String), Vec<Pair>>::new();
    for _ in 0..arguments.rounds {
        for (build, folder) in &arguments.builds {
            for Subject { name, function, event, config_dir } in &subjects {
                let mut spec = match function {
                    Some(function) => cloud.function(function, &folder.join(function.name))?,
                    None => echo(folder),
                };
                if let Some(config_dir) = config_dir {
                    spec.environment.insert("MFA_CONFIG_DIR".to_owned(), config_dir.clone());
                }
                let pair = pair(&cloud, spec, event, echo(folder)).await.with_context(|| name.clone())?;
                rows.entry((build.clone(), name.clone())).or_default().push(pair);
            }
        }
        for ((name, script), (_, folder)) in arguments.node_peer.iter().zip(arguments.builds.iter().cycle()) {
            let Subject { event, .. } = subjects
                .iter()
                .find(|subject| subject.name == *name)
                .with_context(|| format!("no function {name}"))?;
            let pair = pair(&cloud, node(&cloud, name, script)?, event, echo(folder)).await;
            let pair = pair.with_context(|| script.display().to_string())?;
            rows.entry((NODE.to_owned(), name.clone())).or_default().push(pair);
        }
    }
    cloud.stop().await?;

    let of_peers = arguments
        .node_peer
        .iter()
        .filter_map(|(name, script)| Some((name, script, rows.get(&(NODE.to_owned(), name.clone()))?)))
        .map(|(name, script, starts)| figures(NODE, script, name, starts))
        .collect::<Result<Vec<_>>>()?;
    let of_builds = arguments
        .builds
        .iter()
        .flat_map(|(build, folder)| {
            rows.iter()
                .filter(move |((of, _), _)| of == build)
                .map(move |((_, name), starts)| (build, folder, name, starts))
        })
        .map(|(build, folder, name, starts)| {
            let binary = name.split(',').next().unwrap_or(name);
            figures(build, &folder.join(binary), name, starts)
        })
        .collect::<Result<Vec<_>>>()?;
    let figures = [of_builds, of_peers].concat();
    fs::write(&arguments.json, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| arguments.json.display().to_string())?;
    writeln!(stdout(), "{}", table(&figures))?;
    Ok(())
}

/// A start, and the start of the echo beside it.
struct Pair {
    start: Start,
    echo: Start,
    /// Calls of AWS in the first invocation, and in a warm one.
    first_calls: f64,
    warm_calls: f64,
}

async fn pair(cloud: &Cloud, spec: FunctionSpec, event: &Value, echo: FunctionSpec) -> Result<Pair> {
    let name = spec.name.clone();
    let before = cloud.calls(&name).await?;
    // A peer's interpreter is not ours, so it is not copied.
    let mut subject = if spec.args.is_empty() {
        Environment::start_copy(spec, event).await?
    } else {
        Environment::start(spec, event).await?
    };
    let first = cloud.calls(&name).await?;
    let nothing = json!({});
    let mut echo = Environment::start_copy(echo, &nothing).await?;
    in_turn((&mut subject, event), (&mut echo, &nothing), WARM_PAIRS).await?;
    let (start, echo) = (subject.figures()?, echo.figures()?);
    let warm_calls = (cloud.calls(&name).await? - first) / count(start.warm_each.len());
    Ok(Pair { start, echo, first_calls: first - before, warm_calls })
}

fn echo(folder: &Path) -> FunctionSpec {
    FunctionSpec::new(ECHO, folder.join(ECHO))
}

/// A function with its invocations.
struct Subject {
    /// The function's name, with special settings after a comma.
    name: String,
    /// Absent for the echo.
    function: Option<Function>,
    event: Value,
    config_dir: Option<String>,
}

/// Returns the functions with an event that they answer with success, so that the first answer is a real one.
/// A function that asks an operator's rules is also measured with rules.
async fn subjects(cloud: &Cloud, rules: &Path) -> Result<Vec<Subject>> {
    let mut subjects =
        vec![Subject { name: ECHO.to_owned(), function: None, event: json!({}), config_dir: None }];
    // `admin-api` and the recoveries answer only with an administrator or a case.
    let left_out = ["admin-api", "recovery-api", "recovery-worker"];
    for function in functions().iter().filter(|function| !left_out.contains(&function.name)) {
        let event = if function.name == "mfa-api" {
            cloud.signed_in_request("/mfa").await?
        } else {
            // The last event, because `deliver` has nothing to do for its first one.
            let events = sample_events(function)?;
            events.into_iter().next_back().context("no sample event")?.payload
        };
        let name = function.name.to_owned();
        if ["pre-sign-up", "pre-authentication"].contains(&function.name) {
            let name = format!("{name}, {RULES} rules");
            let config_dir = Some(rules.display().to_string());
            subjects.push(Subject { name, function: Some(*function), event: event.clone(), config_dir });
        }
        subjects.push(Subject { name, function: Some(*function), event, config_dir: None });
    }
    Ok(subjects)
}

/// Returns overrides with rules that every sample passes.
fn rules() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("rules");
    fs::create_dir(&rules)?;
    for number in 0..RULES {
        let rule = format!(
            "@message(\"Not from there\")\nforbid (principal, action, resource)\n\
             when {{ context has emailDomain && context.emailDomain == \"spam{number}.example\" }};\n"
        );
        fs::write(rules.join(format!("{number:02}.cedar")), rule)?;
    }
    Ok(folder)
}

/// Returns a peer's process with the same credentials and endpoints as our functions. Its calls count as our
/// function's.
fn node(cloud: &Cloud, function: &str, script: &Path) -> Result<FunctionSpec> {
    let mut spec = FunctionSpec::new(function, "node");
    // The SDK's advice to leave Node 20 is no part of the work.
    spec.args = vec!["--no-warnings".into(), script.into()];
    spec.environment = cloud.environment_of_function()?;
    Ok(spec)
}

fn figures(build: &str, binary: &Path, name: &str, pairs: &[Pair]) -> Result<Value> {
    let of = |figure: fn(&Start) -> f64| median(pairs.iter().map(|pair| figure(&pair.start)).collect());
    let ratio = |figure: fn(&Start) -> f64| {
        median(pairs.iter().map(|pair| figure(&pair.start) / figure(&pair.echo)).collect())
    };
    let calls = |figure: fn(&Pair) -> f64| median(pairs.iter().map(figure).collect());
    let walls = pairs.iter().flat_map(|pair| pair.start.warm_each.iter().copied());
    let size = fs::metadata(binary).with_context(|| binary.display().to_string())?.len();
    Ok(json!({
        "build": build,
        "function": name,
        "sizeBytes": size,
        "initMs": of(|start| start.init),
        "initCpuMs": of(|start| start.init_cpu),
        "firstMs": of(|start| start.first),
        "firstCpuMs": of(|start| start.first_cpu),
        "coldMs": of(Start::cold),
        "coldCpuMs": of(Start::cold_cpu),
        "coldCpuToEcho": ratio(Start::cold_cpu),
        "coldToEcho": ratio(Start::cold),
        "warmMs": of(|start| start.warm),
        "warmCpuMs": of(|start| start.warm_cpu),
        "warmP99Ms": percentile(&walls.collect::<Vec<_>>(), 0.99),
        "warmCpuToEcho": ratio(|start| start.warm_cpu),
        "warmInvocations": pairs.first().map(|pair| pair.echo.warm_each.len()),
        "warmCpuP99Ms": of(|start| start.warm_cpu_p99),
        "warmCpuP99ToEcho": ratio(|start| start.warm_cpu_p99),
        "firstCalls": calls(|pair| pair.first_calls),
        "warmCalls": calls(|pair| pair.warm_calls),
        "peakMiB": of(|start| start.peak),
        "rounds": pairs.len(),
    }))
}

fn table(figures: &[Value]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "build",
        "binary",
        "size MB",
        "init ms (CPU)",
        "first ms (CPU)",
        "cold ms (CPU)",
        "× echo (CPU)",
        "warm ms (CPU)",
        "p99 ms (CPU)",
        "× echo (CPU)",
        "peak MiB",
    ]);
    for row in figures {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| row.get(key).and_then(Value::as_f64).unwrap_or_default();
        let with_cpu = |wall: &str, cpu: &str| format!("{:.1} ({:.1})", number(wall), number(cpu));
        table.add_row([
            text("build"),
            text("function"),
            format!("{:.1}", number("sizeBytes") / 1e6),
            with_cpu("initMs", "initCpuMs"),
            with_cpu("firstMs", "firstCpuMs"),
            with_cpu("coldMs", "coldCpuMs"),
            with_cpu("coldToEcho", "coldCpuToEcho"),
            format!("{:.2} ({:.2})", number("warmMs"), number("warmCpuMs")),
            with_cpu("warmP99Ms", "warmCpuP99Ms"),
            format!("({:.1})", number("warmCpuP99ToEcho")),
            format!("{:.1}", number("peakMiB")),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
