use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{ChallengeSlot, NAME_ONLY_TOTP_WINDOW, Nonce};
use crate::{factors::custom::CustomFactors, kernel::CustomFactor};

/// What a client's answer did, by the round (number of session items) that it answered. A round takes
/// one answer; the same answer again, which Cognito may deliver, does what it did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerEffect {
    /// A factor was chosen: the next round asks for it.
    Chose(CustomFactor),
    /// Another code is wanted.
    Resent,
    /// Another factor is wanted.
    Back,
    /// It was compared; whether it was right stands beside, in [`ChallengeState::proven`].
    Compared(CustomFactor),
}

/// The factor that is being proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenFactor {
    pub factor: CustomFactor,
    /// The round that asks for it first.
    pub round_index: u32,
    /// From 1: the number of the code that was sent last.
    pub send_attempt: u32,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What the table keeps of one running sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeState {
    pub nonce: Nonce,
    /// App client id.
    pub client: String,
    /// Until then its slot is taken.
    pub until: Timestamp,
    /// Since something was proven last.
    pub comparisons: u32,
    pub chosen: Option<ChosenFactor>,
    pub effects: BTreeMap<u32, AnswerEffect>,
    /// By the round in which it was.
    pub proven: BTreeMap<u32, CustomFactor>,
    /// Keyed hashes of the codes that were sent, by the round that asked first and their number.
    pub codes: BTreeMap<(u32, u32), String>,
}

/// What is counted of a user over all sign-ins, apart from passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// Wrong answers in a row of sign-ins by name alone.
    pub by_name: u32,
    /// Before then none of those may begin.
    pub not_before: Option<Timestamp>,
    /// The UTC day (days since the epoch) of `begun`, and how many of those got as far as an answer.
    pub day: i64,
    pub begun: u32,
    /// Wrong answers in a row by factor, where something else had been proven before.
    pub failures: BTreeMap<CustomFactor, u32>,
    /// Since when wrong authenticator codes by name alone are counted, and how many there were.
    pub name_only_totp: Option<(Timestamp, u32)>,
}

impl FailureCounts {
    /// Whether a window of counting wrong authenticator codes by name is open at `now`.
    pub fn has_open_totp_window(&self, now: Timestamp) -> bool {
        self.name_only_totp.is_some_and(|(since, _)| now.duration_since(since) < NAME_ONLY_TOTP_WINDOW)
    }
}

/// Everything that one read tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSignInState {
    pub factors: CustomFactors,
    /// Those of the last sign-in.
    pub groups: BTreeSet<String>,
    pub challenge_states: BTreeMap<ChallengeSlot, ChallengeState>,
    pub failure_counts: FailureCounts,
}

impl UserSignInState {
    /// The sign-in of this identity.
    pub fn challenge_state(&self, nonce: &Nonce) -> Option<&ChallengeState> {
        self.challenge_states.values().find(|challenge_state| challenge_state.nonce == *nonce)
    }
}
