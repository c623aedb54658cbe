//! The two servers as processes: ours and the peer.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// A port without listener. Triggers would be called there, and the pools here have none.
const NO_FUNCTIONS: &str = "http://127.0.0.1:9/";
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running server. It ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) endpoint: String,
    _folder: TempDir,
}

impl Server {
    /// Starts the whole local cloud, in memory.
    pub(crate) async fn local(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("endpoints.json");
        let mut process = Command::new(binary)
            .args(["--headless", "--memory", "--port", "0", "--lambda-endpoint", NO_FUNCTIONS])
            .arg("--endpoints-file")
            .arg(&file)
            .current_dir(end_to_end::workspace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| binary.display().to_string())?;
        let output = process.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        while !lines.next_line().await?.context("`local` ended before it was ready")?.starts_with("READY ") {}
        let endpoints: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let endpoint = endpoints.get("cognito").and_then(Value::as_str).context("no endpoint")?.to_owned();
        Ok(Self { process, endpoint, _folder: folder })
    }

    /// Starts `ministack` on loopback, quiet and with Cognito only, which favours it.
    pub(crate) async fn peer(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", "cognito-idp")
            .env("LOG_LEVEL", "ERROR")
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| program.display().to_string())?;
        let endpoint = format!("http://127.0.0.1:{port}/");
        let mut server = Self { process, endpoint, _folder: folder };
        timeout(START_TIMEOUT, server.healthy()).await.context("the peer does not answer")??;
        Ok(server)
    }

    async fn healthy(&mut self) -> Result<()> {
        let url = format!("{}_ministack/health", self.endpoint);
        loop {
            if let Some(status) = self.process.try_wait()? {
                bail!("the peer ended with {status}");
            }
            if reqwest::get(&url).await.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the CPU time so far, to a hundredth of a second, or `None` where the system does not report
    /// it.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        proc::cpu(self.process.id()?)
    }

    /// Returns the resident memory in bytes, or `None` where the system does not report it.
    pub(crate) fn memory(&self) -> Option<u64> {
        proc::memory(self.process.id()?)
    }
}

pub(crate) fn cpu_of_this_process() -> Option<Duration> {
    proc::cpu(std::process::id())
}

#[cfg(target_os = "linux")]
mod proc {
    use std::time::Duration;

    use procfs::process::Process;

    pub(super) fn cpu(pid: u32) -> Option<Duration> {
        let stat = Process::new(pid.try_into().ok()?).ok()?.stat().ok()?;
        let milliseconds = (stat.utime + stat.stime).saturating_mul(1_000);
        milliseconds.checked_div(procfs::ticks_per_second()).map(Duration::from_millis)
    }

    pub(super) fn memory(pid: u32) -> Option<u64> {
        let status = Process::new(pid.try_into().ok()?).ok()?.status().ok()?;
        status.vmrss.map(|kibibytes| kibibytes.saturating_mul(1_024))
    }
}

#[cfg(not(target_os = "linux"))]
mod proc {
    use std::time::Duration;

    pub(super) fn cpu(_pid: u32) -> Option<Duration> {
        None
    }

    pub(super) fn memory(_pid: u32) -> Option<u64> {
        None
    }
}
