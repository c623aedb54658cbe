//! The changes of `attach`, kept so that `detach` can undo them.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::pool::Change;

const VERSION: u32 = 1;

/// A record of settings. It never holds a secret of an app client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachRecord {
    version: u32,
    pub(crate) user_pool_id: String,
    pub(crate) changes: Vec<Change>,
}

impl AttachRecord {
    pub(crate) fn new(user_pool_id: &str, changes: Vec<Change>) -> Self {
        Self { version: VERSION, user_pool_id: user_pool_id.to_owned(), changes }
    }

    /// Writes a new file. Fails if the file exists, because it may be the only record of an earlier `attach`.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let place = || file.display().to_string();
        let mut new = OpenOptions::new().write(true).create_new(true).open(file).with_context(place)?;
        serde_json::to_writer_pretty(&mut new, self)?;
        new.write_all(b"\n").and_then(|()| new.sync_all()).with_context(place)
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let place = || file.display().to_string();
        let record: Self = serde_json::from_reader(File::open(file).with_context(place)?)
            .with_context(|| format!("{} is not a record of attach", file.display()))?;
        ensure!(record.version == VERSION, "{} was written by another version", file.display());
        Ok(record)
    }
}
