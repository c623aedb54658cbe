//! The folder in which an earlier run left its state.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::lock::lock;

/// Every file that is ours in the folder. `--fresh` removes these and nothing else: the folder's
/// name comes from the command line.
const FILES: [&str; 9] = [
    "local.json",
    "kms.json",
    "secrets.json",
    "user-pool.sqlite",
    "user-pool.sqlite-wal",
    "user-pool.sqlite-shm",
    "dynamodb.sqlite",
    "dynamodb.sqlite-wal",
    "dynamodb.sqlite-shm",
];

/// A state folder that only this process uses. In memory there is no folder.
#[derive(Debug)]
pub struct State {
    folder: Option<(PathBuf, File)>,
}

impl State {
    pub fn in_memory() -> Self {
        Self { folder: None }
    }

    pub fn open(folder: &Path, fresh: bool) -> Result<Self> {
        let taken = format!(
            "another local cloud uses the state in {}; choose another with --state-dir",
            folder.display()
        );
        let lock = lock(&folder.join("lock"), &taken)?;
        if fresh {
            for name in FILES {
                match fs::remove_file(folder.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("cannot remove {name}"));
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { folder: Some((folder.to_owned(), lock)) })
    }

    /// A file of the folder; `None` in memory.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        debug_assert!(FILES.contains(&name), "{name} would outlive --fresh");
        self.folder.as_ref().map(|(folder, _lock)| folder.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_removes_our_files_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kms.json"), "{}").unwrap();
        fs::write(folder.path().join("thesis.txt"), "precious").unwrap();
        State::open(folder.path(), true).unwrap();
        assert!(!folder.path().join("kms.json").exists());
        assert!(folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path(), false).unwrap();
        let refused = State::open(folder.path(), false).unwrap_err().to_string();
        assert!(refused.contains("--state-dir"), "{refused}");
        drop(first);
        State::open(folder.path(), false).unwrap();
    }
}
