use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

/// Lines kept per function.
const KEPT: usize = 2_000;

/// What a function's processes wrote, newest last.
#[derive(Clone)]
pub(crate) struct Logs {
    function: Arc<str>,
    lines: Arc<Mutex<VecDeque<String>>>,
    written: watch::Sender<u64>,
}

impl Logs {
    pub(crate) fn of(function: &str) -> Self {
        Self { function: function.into(), lines: Arc::default(), written: watch::Sender::new(0) }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until a line matches, looking at the kept ones first.
    pub(crate) async fn find(&self, matches: impl Fn(&str) -> bool) -> Option<String> {
        let mut written = self.written.subscribe();
        loop {
            written.mark_unchanged();
            if let Some(line) = self.lines().into_iter().find(|line| matches(line)) {
                return Some(line);
            }
            written.changed().await.ok()?;
        }
    }

    /// Forwards `stream` line by line until the process closes it.
    pub(crate) fn follow(&self, stream: impl AsyncRead + Send + Unpin + 'static) {
        let logs = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                logs.push(&String::from_utf8_lossy(&line));
            }
        });
    }

    fn push(&self, line: &str) {
        tracing::info!(target: "function", "{}: {line}", self.function);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
        drop(lines);
        self.written.send_modify(|count| *count += 1);
    }
}
