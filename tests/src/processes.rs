//! The processes of a local cloud, as the operating system reports them. Empty where it does not report them.

use std::time::Duration;

/// A running process.
#[derive(Debug, Clone)]
pub struct Process {
    pub id: i32,
    /// The file name of its program, which is the function's name.
    pub name: String,
    /// CPU time since its start.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
}

/// A process, and the function environments that it has started.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    pub cloud: Option<Process>,
    pub functions: Vec<Process>,
}

impl Processes {
    pub fn of(cloud: u32) -> Self {
        imp::processes(cloud)
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::time::Duration;

    use procfs::process::{Process as Proc, all_processes};

    use super::{Process, Processes};
    use crate::functions;

    pub(super) fn processes(cloud: u32) -> Processes {
        let Ok(id) = i32::try_from(cloud) else {
            return Processes::default();
        };
        let Ok(all) = all_processes() else {
            return Processes::default();
        };
        let children = all.filter_map(Result::ok).filter(|one| one.stat().is_ok_and(|stat| stat.ppid == id));
        Processes {
            cloud: Proc::new(id).ok().and_then(|one| read(&one)),
            functions: children
                .filter_map(|one| read(&one))
                .filter(|one| functions().iter().any(|function| function.name == one.name))
                .collect(),
        }
    }

    /// Reads a process. `schedstat` counts in nanoseconds, thread by thread; `stat` counts in clock ticks.
    fn read(process: &Proc) -> Option<Process> {
        let threads = process.tasks().ok()?.filter_map(Result::ok);
        let cpu = threads.filter_map(|thread| Some(thread.schedstat().ok()?.sum_exec_runtime)).sum();
        Some(Process {
            id: process.pid,
            name: process.exe().ok()?.file_name()?.to_str()?.trim_end_matches(" (deleted)").to_owned(),
            cpu: Duration::from_nanos(cpu),
            memory: process.status().ok()?.vmrss? * 1_024,
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn processes(_cloud: u32) -> super::Processes {
        super::Processes::default()
    }
}
