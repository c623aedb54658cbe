use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    port::NAME_ONLY_TOTP_WINDOW,
    round_state::{ChallengeSlot, Nonce},
};
use crate::{factors::custom::CustomFactors, kernel::CustomFactor};

/// The effect of a client's answer to a round (a number of session items). A round takes one answer. Cognito
/// may deliver the same answer again; it then has the same effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerEffect {
    /// The user chose a factor; the next round asks for it.
    Chose(CustomFactor),
    /// The user asked for another code.
    Resent,
    /// The user asked for another factor.
    Back,
    /// The answer was compared. [`ChallengeState::proven`] says whether it was right.
    Compared(CustomFactor),
}

/// The factor that the user is proving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenFactor {
    pub factor: CustomFactor,
    /// The round that asks for it first.
    pub round_index: u32,
    /// The number of the last code, from 1.
    pub send_attempt: u32,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The stored state of one running sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeState {
    pub nonce: Nonce,
    /// App client id.
    pub client: String,
    /// The slot is taken until this time.
    pub until: Timestamp,
    /// Comparisons since the last proof.
    pub comparisons: u32,
    pub chosen: Option<ChosenFactor>,
    pub effects: BTreeMap<u32, AnswerEffect>,
    /// Proven factors by round.
    pub proven: BTreeMap<u32, CustomFactor>,
    /// Keyed hashes of the sent codes. The key is the round that asked first and the number of the code.
    pub codes: BTreeMap<(u32, u32), String>,
}

/// Counts of a user over all sign-ins, apart from passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// Consecutive wrong answers in sign-ins by name alone.
    pub by_name: u32,
    /// No sign-in by name alone may begin before this time.
    pub not_before: Option<Timestamp>,
    /// The UTC day of `begun`, in days since the epoch. `begun` counts the sign-ins by name alone that got as
    /// far as an answer.
    pub day: i64,
    pub begun: u32,
    /// Consecutive wrong answers by factor, after another proof in the same sign-in.
    pub failures: BTreeMap<CustomFactor, u32>,
    /// The start of the current window for wrong authenticator codes by name alone, and their count.
    pub name_only_totp: Option<(Timestamp, u32)>,
}

impl FailureCounts {
    /// Returns whether a window that counts wrong authenticator codes by name is open at `now`.
    pub fn has_open_totp_window(&self, now: Timestamp) -> bool {
        self.name_only_totp.is_some_and(|(since, _)| now.duration_since(since) < NAME_ONLY_TOTP_WINDOW)
    }
}

/// A user's state from one read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSignInState {
    pub factors: CustomFactors,
    /// The user's groups at the last sign-in.
    pub groups: BTreeSet<String>,
    pub challenge_states: BTreeMap<ChallengeSlot, ChallengeState>,
    pub failure_counts: FailureCounts,
}

impl UserSignInState {
    /// Returns the state of the sign-in with this nonce.
    pub fn challenge_state(&self, nonce: &Nonce) -> Option<&ChallengeState> {
        self.challenge_states.values().find(|challenge_state| challenge_state.nonce == *nonce)
    }
}
