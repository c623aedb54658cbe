use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use local_lambda_host::{FunctionSpec, Invocation, LambdaHost, Usage};
use serde_json::Value;

/// Invocations of a warm environment after the first.
pub const WARM_INVOCATIONS: usize = 20;

/// One start of one binary, in milliseconds and MiB.
#[derive(Debug, Clone)]
pub struct Start {
    pub init: f64,
    pub init_cpu: f64,
    pub first: f64,
    pub first_cpu: f64,
    pub warm: f64,
    /// Of each warm invocation.
    pub warm_each: Vec<f64>,
    /// The mean, because the scheduler's account moves in steps.
    pub warm_cpu: f64,
    pub peak: f64,
}

impl Start {
    pub fn cold(&self) -> f64 {
        self.init + self.first
    }

    pub fn cold_cpu(&self) -> f64 {
        self.init_cpu + self.first_cpu
    }
}

/// A new environment: its answer to `first`, then warm ones to the others.
pub async fn start(spec: FunctionSpec, first: &Value, others: &[&Value]) -> Result<Start> {
    let name = spec.name.clone();
    let host = LambdaHost::start(vec![spec])?;
    let cold = succeeded(host.invoke(&name, first).await?)?;
    let (init_usage, first_usage) =
        cold.init_usage.zip(cold.usage).context("no figures of processes on this system: run it on Linux")?;
    let mut warm = Vec::new();
    let mut last_usage = first_usage;
    for event in others {
        let invocation = succeeded(host.invoke(&name, event).await?)?;
        ensure!(invocation.init.is_none(), "{name} was started again");
        warm.push(milliseconds(invocation.duration));
        last_usage = invocation.usage.unwrap_or(last_usage);
    }
    Ok(Start {
        init: milliseconds(cold.init.context("no cold start")?),
        init_cpu: milliseconds(init_usage.cpu),
        first: milliseconds(cold.duration),
        first_cpu: milliseconds(cpu_between(init_usage, first_usage)),
        warm_cpu: milliseconds(cpu_between(first_usage, last_usage)) / number(others.len()),
        warm: median(warm.clone()),
        warm_each: warm,
        peak: mebibytes(last_usage.max_rss),
    })
}

fn succeeded(invocation: Invocation) -> Result<Invocation> {
    if let Err(error) = &invocation.result {
        return Err(anyhow!("{error}"));
    }
    let status = invocation.json().and_then(|answer| answer.get("statusCode")?.as_u64());
    ensure!(status.is_none_or(|status| status == 200), "answered with {status:?}");
    Ok(invocation)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below or at which `share` of all are: the nearest rank.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank between 0 and the number of values"
)]
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

fn cpu_between(before: Usage, after: Usage) -> Duration {
    after.cpu.saturating_sub(before.cpu)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "invocations of one environment")]
fn number(count: usize) -> f64 {
    count as f64
}
