//! The progress of a run, one line per fact, so that a killed run can be resumed.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::kernel::UserId;
use shared::sign_up::{AddressKey, ClaimCursor, KnownAddress, StoredClaim};

const VERSION: u32 = 1;

/// Identifies the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    version: u32,
    pub(crate) command: String,
    pub(crate) user_pool_id: String,
    pub(crate) table: String,
    /// Distinguishes runs with another hash key or policy.
    pub(crate) fingerprint: String,
}

impl Head {
    pub(crate) fn new(command: &str, user_pool_id: &str, table: &str, fingerprint: String) -> Self {
        Self {
            version: VERSION,
            command: command.to_owned(),
            user_pool_id: user_pool_id.to_owned(),
            table: table.to_owned(),
            fingerprint,
        }
    }
}

/// A line of the journal. It contains addresses only as keyed hashes. Times are milliseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "line")]
enum Line {
    Head {
        head: Head,
        begun: i64,
    },
    /// A page of the pool's users, and the token of the next page.
    Users {
        users: usize,
        known: Vec<(String, String, i64, bool)>,
        next: Option<String>,
    },
    /// A page of the table's claims, and the start of the next page.
    Claims {
        kept: Vec<(String, String, i64)>,
        next: Option<(String, String)>,
    },
    /// The number of completed steps of the plan, and their results.
    Written {
        steps: usize,
        done: Done,
    },
}

/// The progress of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) begun: Timestamp,
    pub(crate) users: usize,
    pub(crate) known: Vec<KnownAddress>,
    pub(crate) kept: Vec<StoredClaim>,
    pub(crate) listing: Phase<String>,
    pub(crate) scanning: Phase<ClaimCursor>,
    pub(crate) steps: usize,
    pub(crate) done: Done,
}

/// The results of a plan's steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) made: usize,
    pub(crate) freed: usize,
    /// Claims whose owner turned out to exist, or that changed meanwhile.
    pub(crate) left: usize,
    /// Claims that another writer took first.
    pub(crate) lost: usize,
}

/// Progress through pages that are read one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Phase<T> {
    #[default]
    Begins,
    /// The start of the next page.
    At(T),
    Over,
}

impl<T> Phase<T> {
    pub(crate) fn after(next: Option<T>) -> Self {
        next.map_or(Self::Over, Self::At)
    }
}

/// Keeps the progress, in a file if there is one.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<(PathBuf, File)>,
    pub(crate) learned: Learned,
}

impl Journal {
    /// Starts a run. Without a `path` the run can't be resumed.
    pub(crate) fn begin(path: Option<&Path>, head: &Head, begun: Timestamp) -> Result<Self> {
        let file = path.map(|path| {
            let new = OpenOptions::new().append(true).create_new(true).open(path);
            let new = new.with_context(|| format!("{} (continue it with --resume)", path.display()))?;
            Ok::<_, anyhow::Error>((path.to_owned(), new))
        });
        let learned = Learned { begun, ..Learned::default() };
        let mut journal = Self { file: file.transpose()?, learned };
        journal.note(&Line::Head { head: head.clone(), begun: begun.as_millisecond() })?;
        Ok(journal)
    }

    /// Resumes from the file. A last line that the killed run wrote only in part is left out.
    pub(crate) fn resume(path: &Path, head: &Head) -> Result<Self> {
        let place = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(place)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text.get(..whole).unwrap_or_default().lines();
        let read = |line: &str| serde_json::from_str::<Line>(line).with_context(place);
        let Some(Line::Head { head: found, begun }) = lines.next().map(read).transpose()? else {
            anyhow::bail!("{} is incomplete: delete it and start again", path.display());
        };
        ensure!(
            found == *head,
            "{} belongs to another run: the pool, table, hash key or policy differs",
            path.display()
        );
        let mut learned = Learned { begun: Timestamp::from_millisecond(begun)?, ..Learned::default() };
        for line in lines {
            learned.take(read(line)?).with_context(place)?;
        }
        // Removes the partial last line, because the next line would become part of it.
        let file = OpenOptions::new().append(true).open(path).with_context(place)?;
        file.set_len(u64::try_from(whole)?).with_context(place)?;
        Ok(Self { file: Some((path.to_owned(), file)), learned })
    }

    pub(crate) fn users(
        &mut self,
        users: usize,
        known: Vec<KnownAddress>,
        next: Option<String>,
    ) -> Result<()> {
        let lines = known.iter().map(|known| {
            let (address, user) = (known.address.as_str().to_owned(), known.user.as_str().to_owned());
            (address, user, known.created.as_millisecond(), known.is_proven)
        });
        self.note(&Line::Users { users, known: lines.collect(), next: next.clone() })?;
        self.learned.users += users;
        self.learned.known.extend(known);
        self.learned.listing = Phase::after(next);
        Ok(())
    }

    pub(crate) fn claims(&mut self, kept: Vec<StoredClaim>, next: Option<ClaimCursor>) -> Result<()> {
        let lines = kept.iter().map(|claim| {
            (claim.address.as_str().to_owned(), claim.owner.as_str().to_owned(), claim.since.as_millisecond())
        });
        let place = next.clone().map(|place| (place.pk, place.sk));
        self.note(&Line::Claims { kept: lines.collect(), next: place })?;
        self.learned.kept.extend(kept);
        self.learned.scanning = Phase::after(next);
        Ok(())
    }

    pub(crate) fn written(&mut self, steps: usize, done: Done) -> Result<()> {
        self.note(&Line::Written { steps, done })?;
        (self.learned.steps, self.learned.done) = (steps, done);
        Ok(())
    }

    /// Deletes the file, because no work is left to resume.
    pub(crate) fn end(self) -> Result<()> {
        let Some((path, _)) = self.file else { return Ok(()) };
        fs::remove_file(&path).with_context(|| path.display().to_string())
    }

    /// Writes with one call, so that only the last line can be partial.
    fn note(&mut self, line: &Line) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
    }
}

impl Learned {
    fn take(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Head { .. } => anyhow::bail!("two beginnings"),
            Line::Users { users, known, next } => {
                for (address, user, created, is_proven) in known {
                    let (address, user) = (AddressKey::new(address), UserId::parse(&user)?);
                    let created = Timestamp::from_millisecond(created)?;
                    self.known.push(KnownAddress { address, user, created, is_proven });
                }
                self.users += users;
                self.listing = Phase::after(next);
            }
            Line::Claims { kept, next } => {
                for (address, owner, since) in kept {
                    let (address, owner) = (AddressKey::new(address), UserId::parse(&owner)?);
                    let since = Timestamp::from_millisecond(since)?;
                    self.kept.push(StoredClaim { address, owner, since });
                }
                self.scanning = Phase::after(next.map(|(pk, sk)| ClaimCursor { pk, sk }));
            }
            Line::Written { steps, done } => (self.steps, self.done) = (steps, done),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head::new("import", "pool", "table", "key".to_owned())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn known(name: &str) -> KnownAddress {
        KnownAddress {
            address: AddressKey::new("a".to_owned()),
            user: UserId::parse(name).unwrap(),
            created: at(5),
            is_proven: true,
        }
    }

    fn filled(path: &Path) -> Learned {
        let mut journal = Journal::begin(Some(path), &head(), at(1)).unwrap();
        journal.users(60, vec![known("alex")], Some("token".to_owned())).unwrap();
        journal.users(7, vec![known("sam")], None).unwrap();
        let kept = StoredClaim {
            address: AddressKey::new("b".to_owned()),
            owner: UserId::parse("kim").unwrap(),
            since: at(2),
        };
        let next = ClaimCursor { pk: "p".to_owned(), sk: "s".to_owned() };
        journal.claims(vec![kept], Some(next)).unwrap();
        journal.written(3, Done { made: 2, lost: 1, ..Done::default() }).unwrap();
        journal.learned
    }

    #[test]
    fn a_run_goes_on_from_whatever_was_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let expected = filled(&path);
        assert_eq!(Journal::resume(&path, &head()).unwrap().learned, expected);

        let whole = fs::read_to_string(&path).unwrap();
        let first = whole.find('\n').unwrap() + 1;
        for end in first..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let mut resumed = Journal::resume(&path, &head()).unwrap();
            resumed.written(9, Done::default()).unwrap();
            assert_eq!(Journal::resume(&path, &head()).unwrap().learned, resumed.learned, "cut at {end}");
        }
        for end in 0..first {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(Journal::resume(&path, &head()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn another_runs_file_is_neither_overwritten_nor_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        filled(&path);
        assert!(Journal::begin(Some(&path), &head(), at(1)).is_err());
        let other = Head::new("import", "pool", "table", "another key".to_owned());
        assert!(Journal::resume(&path, &other).is_err());
        Journal::resume(&path, &head()).unwrap().end().unwrap();
        assert!(!path.exists());
    }
}
