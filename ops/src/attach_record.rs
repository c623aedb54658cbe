//! What `attach` changed, kept so that `detach` can take it back.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::pool::Change;

const VERSION: u32 = 1;

/// Holds settings only: no secret of an app client is ever in it.
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

    /// Writes a new file; one that is there already is somebody's way back.
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
