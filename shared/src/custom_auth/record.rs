use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{NAME_ONLY_TOTP_WINDOW, Nonce, Seat};
use crate::{factors::own::OwnFactors, kernel::OwnFactor};

/// What a client's answer did, by the round (number of session items) that it answered. A round takes
/// one answer; the same answer again, which Cognito may deliver, does what it did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A factor was chosen: the next round asks for it.
    Chose(OwnFactor),
    /// Another code is wanted.
    Resent,
    /// Another factor is wanted.
    Back,
    /// It was compared; whether it was right stands beside, in [`Record::proven`].
    Compared(OwnFactor),
}

/// The factor that is being proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub factor: OwnFactor,
    /// The round that asks for it first.
    pub round: u32,
    /// From 1: the number of the code that was sent last.
    pub sending: u32,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What the table keeps of one running sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub nonce: Nonce,
    /// App client id.
    pub client: String,
    /// Until then its seat is taken.
    pub until: Timestamp,
    /// Since something was proven last.
    pub comparisons: u32,
    pub chosen: Option<Chosen>,
    pub effects: BTreeMap<u32, Effect>,
    /// By the round in which it was.
    pub proven: BTreeMap<u32, OwnFactor>,
    /// Keyed hashes of the codes that were sent, by the round that asked first and their number.
    pub codes: BTreeMap<(u32, u32), String>,
}

/// What is counted of a user over all sign-ins, apart from passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Wrong answers in a row of sign-ins by name alone.
    pub by_name: u32,
    /// Before then none of those may begin.
    pub not_before: Option<Timestamp>,
    /// The UTC day (days since the epoch) of `begun`, and how many of those got as far as an answer.
    pub day: i64,
    pub begun: u32,
    /// Wrong answers in a row by factor, where something else had been proven before.
    pub failures: BTreeMap<OwnFactor, u32>,
    /// Since when wrong authenticator codes by name alone are counted, and how many there were.
    pub name_only_totp: Option<(Timestamp, u32)>,
}

impl Tally {
    /// Whether a window of counting wrong authenticator codes by name is open at `now`.
    pub fn has_open_totp_window(&self, now: Timestamp) -> bool {
        self.name_only_totp.is_some_and(|(since, _)| now.duration_since(since) < NAME_ONLY_TOTP_WINDOW)
    }
}

/// Everything that one read tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    pub factors: OwnFactors,
    /// Those of the last sign-in.
    pub groups: BTreeSet<String>,
    pub records: BTreeMap<Seat, Record>,
    pub tally: Tally,
}

impl Kept {
    /// The sign-in of this identity.
    pub fn record(&self, nonce: &Nonce) -> Option<&Record> {
        self.records.values().find(|record| record.nonce == *nonce)
    }
}
