use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The process group that every function process joins.
///
/// Its leader is a shell that waits for its standard input to end and then kills the group. The
/// other end of that pipe is held by this process alone, so the group dies with the host however
/// the host dies, `kill -9` included; and Ctrl-C at a terminal reaches the host only, which then
/// stops its functions in order.
pub(crate) struct ProcessGroup {
    id: i32,
    leader: Mutex<Child>,
}

impl ProcessGroup {
    pub(crate) fn start() -> io::Result<Self> {
        let leader = Command::new("/bin/sh")
            .args(["-c", "read -r _; kill -9 0"])
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { id: i32::try_from(leader.id()).unwrap_or_default(), leader: Mutex::new(leader) })
    }

    /// For `Command::process_group`.
    pub(crate) fn id(&self) -> i32 {
        self.id
    }

    /// Kills every process in the group. No process can join it any more.
    pub(crate) fn end(&self) {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        drop(leader.stdin.take());
        if let Err(error) = leader.wait() {
            tracing::warn!(%error, "function processes may be left");
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}
