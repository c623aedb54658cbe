use std::time::Duration;

/// What a process has used since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Peak resident memory in bytes (`VmHWM`).
    pub max_rss: u64,
    /// CPU time of all its threads that still live.
    pub cpu: Duration,
}

impl Usage {
    /// `None` where there is no `/proc`, or the process is gone.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
        let max_rss = process.status().ok()?.vmhwm?.saturating_mul(1024);
        Some(Self { max_rss, cpu: scheduled(&process).or_else(|| ticks(&process))? })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of(_pid: u32) -> Option<Self> {
        None
    }
}

/// The scheduler's own account: nanoseconds, where `stat` counts hundredths of a second.
#[cfg(target_os = "linux")]
fn scheduled(process: &procfs::process::Process) -> Option<Duration> {
    let total = process.tasks().ok()?.flatten().filter_map(|task| task.schedstat().ok());
    let nanos: u64 = total.map(|stat| stat.sum_exec_runtime).sum();
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

#[cfg(target_os = "linux")]
fn ticks(process: &procfs::process::Process) -> Option<Duration> {
    let stat = process.stat().ok()?;
    let per_second = procfs::ticks_per_second();
    Some(Duration::from_millis((stat.utime + stat.stime).saturating_mul(1000).checked_div(per_second)?))
}
