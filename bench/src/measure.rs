//! Measures processes of functions: their starts, and their warm invocations.
//!
//! A warm invocation has two figures. Its wall time is the caller's wait, on this machine and with its other
//! load. Its CPU time is what the function itself computes. It excludes waits for AWS and other work of the
//! machine, so that a percentile describes the function.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use local_lambda_host::{FunctionSpec, Invocation, LambdaHost, Usage};
use serde_json::Value;
use tempfile::TempDir;

/// Warm invocations of an environment, where each needs its own event.
pub const WARM_INVOCATIONS: usize = 20;

/// Warm invocations of an environment beside another. They are so many that a 99th percentile is not the
/// worst of them.
pub const WARM_PAIRS: usize = 300;

/// One start of one binary, in milliseconds and MiB.
#[derive(Debug, Clone)]
pub struct Start {
    pub init: f64,
    pub init_cpu: f64,
    pub first: f64,
    pub first_cpu: f64,
    pub warm: f64,
    /// Wall time of each warm invocation.
    pub warm_each: Vec<f64>,
    /// The mean CPU time of a warm invocation.
    pub warm_cpu: f64,
    /// The 99th percentile of the CPU time.
    pub warm_cpu_p99: f64,
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

/// An environment that is used step by step.
#[derive(Debug)]
pub struct Environment {
    name: String,
    host: Arc<LambdaHost>,
    cold: Invocation,
    /// Wall time of each warm invocation.
    warm: Vec<f64>,
    /// The accounts of used resources.
    used: Vec<Usage>,
    /// The copy of the binary.
    _copy: Option<TempDir>,
}

impl Environment {
    /// Starts an environment and waits for its answer to `first`.
    pub async fn start(spec: FunctionSpec, first: &Value) -> Result<Self> {
        let name = spec.name.clone();
        let host = LambdaHost::start(vec![spec])?;
        let cold = succeeded(host.invoke(&name, first).await?)?;
        Ok(Self { name, host, cold, warm: Vec::new(), used: Vec::new(), _copy: None })
    }

    /// Starts a copy of the binary. The place of a file's pages in memory decides up to a third of a start's
    /// cost, and stays while they are cached. A copy for each start draws a new place.
    pub async fn start_copy(mut spec: FunctionSpec, first: &Value) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("bootstrap");
        fs::copy(&spec.command, &copy).with_context(|| spec.command.display().to_string())?;
        spec.command = copy;
        Ok(Self { _copy: Some(folder), ..Self::start(spec, first).await? })
    }

    /// Invokes the warm environment.
    pub async fn invoke(&mut self, event: &Value) -> Result<()> {
        let invocation = succeeded(self.host.invoke(&self.name, event).await?)?;
        ensure!(invocation.init.is_none(), "{} was started again", self.name);
        self.warm.push(milliseconds(invocation.duration));
        Ok(())
    }

    /// Reads CPU and memory, after the first invocation and after each warm one. A process answers before it
    /// sleeps, and the scheduler counts a running process in steps. So the values are exact once the caller has
    /// waited for something else in between.
    pub fn account(&mut self) -> Result<()> {
        self.used.push(self.host.usage(&self.name).context(NO_FIGURES)?);
        Ok(())
    }

    pub fn figures(&self) -> Result<Start> {
        let init_usage = self.cold.init_usage.context(NO_FIGURES)?;
        let (first_usage, last_usage) = self.used.first().zip(self.used.last()).context(NO_FIGURES)?;
        let each: Vec<_> = self
            .used
            .iter()
            .zip(self.used.iter().skip(1))
            .map(|(before, after)| milliseconds(cpu_between(*before, *after)))
            .collect();
        Ok(Start {
            init: milliseconds(self.cold.init.context("no cold start")?),
            init_cpu: milliseconds(init_usage.cpu),
            first: milliseconds(self.cold.duration),
            first_cpu: milliseconds(cpu_between(init_usage, *first_usage)),
            warm_cpu: milliseconds(cpu_between(*first_usage, *last_usage)) / count(each.len()),
            warm_cpu_p99: percentile(&each, 0.99),
            warm: median(self.warm.clone()),
            warm_each: self.warm.clone(),
            peak: mebibytes(last_usage.max_rss),
        })
    }
}

const NO_FIGURES: &str = "no figures of processes on this system: run it on Linux";

/// Invokes two warm environments in turn, so that a slow moment of the machine affects both. Each sleeps when
/// its account is taken. The one that was started first comes first.
pub async fn in_turn(
    (first, event): (&mut Environment, &Value),
    (second, seconds_event): (&mut Environment, &Value),
    times: usize,
) -> Result<()> {
    first.account()?;
    first.invoke(event).await?;
    second.account()?;
    for _ in 0..times {
        second.invoke(seconds_event).await?;
        first.account()?;
        first.invoke(event).await?;
        second.account()?;
    }
    Ok(())
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

/// Returns the smallest value with at least `share` of all values at or below it: the nearest rank.
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

/// Returns the count as a divisor.
#[expect(clippy::cast_precision_loss, reason = "invocations of one environment")]
pub fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use end_to_end::binary;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn each_warm_invocation_in_turn_has_an_account_of_its_own() {
        let spec = || FunctionSpec::new("echo", binary("echo").unwrap());
        let event = json!({});
        let mut one = Environment::start(spec(), &event).await.unwrap();
        let mut other = Environment::start(spec(), &event).await.unwrap();
        in_turn((&mut one, &event), (&mut other, &event), 9).await.unwrap();
        for environment in [&one, &other] {
            assert_eq!(environment.used.len(), 10, "one more: after the first");
            let figures = environment.figures().unwrap();
            assert!(figures.warm_cpu > 0.0 && figures.warm_cpu_p99 >= figures.warm_cpu, "{figures:?}");
        }
    }
}
