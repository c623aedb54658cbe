//! Files that one process uses alone.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Creates a lock file, with its folder, and locks it until the returned file is dropped or the process ends.
/// Fails with `taken` if another process has locked it.
pub(crate) fn lock(path: &Path, taken: &str) -> Result<File> {
    let create = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::create(path)
    };
    let lock = create().with_context(|| format!("cannot write {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("{taken}"),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
