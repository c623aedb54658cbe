//! Where state survives: one `SQLite` table of JSON records, written before memory changes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

use super::StoreError;

/// The file says so in `user_version`; another number is another program's file.
const SCHEMA_VERSION: i64 = 1;

pub(super) enum Journal {
    /// Nothing survives.
    Memory,
    Sqlite(Mutex<Connection>),
}

/// One record to write or remove. `id` is unique within its kind and pool.
pub(super) enum Change {
    Put {
        kind: &'static str,
        pool: String,
        id: String,
        body: String,
    },
    Delete {
        kind: &'static str,
        pool: String,
        id: String,
    },
    /// Everything of a pool.
    DeletePool { pool: String },
}

impl Journal {
    /// WAL with `synchronous=NORMAL`: a committed write is with the operating system, so the end
    /// of this process, however sudden, loses none; only a power cut could lose the last ones.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != SCHEMA_VERSION && version != 0 {
            return Err(StoreError::Version(version));
        }
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch(&format!(
            "PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS record (
                 kind TEXT NOT NULL, pool TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
                 PRIMARY KEY (kind, pool, id)
             ) WITHOUT ROWID;
             PRAGMA user_version = {SCHEMA_VERSION};"
        ))?;
        Ok(Self::Sqlite(Mutex::new(connection)))
    }

    /// All records of a kind, with their pool.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        kind: &'static str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let Self::Sqlite(connection) = self else {
            return Ok(Vec::new());
        };
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare("SELECT pool, id, body FROM record WHERE kind = ?1")?;
        let mut rows = statement.query([kind])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let (pool, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let record =
                serde_json::from_str(&body).map_err(|source| StoreError::Record { kind, id, source })?;
            records.push((pool, record));
        }
        Ok(records)
    }

    /// All changes or none.
    pub(super) fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let Self::Sqlite(connection) = self else {
            return Ok(());
        };
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        for change in changes {
            match change {
                Change::Put { kind, pool, id, body } => {
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO record (kind, pool, id, body) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![kind, pool, id, body])?;
                }
                Change::Delete { kind, pool, id } => {
                    transaction
                        .prepare_cached("DELETE FROM record WHERE kind = ?1 AND pool = ?2 AND id = ?3")?
                        .execute(params![kind, pool, id])?;
                }
                Change::DeletePool { pool } => {
                    transaction.execute("DELETE FROM record WHERE pool = ?1", [pool])?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
