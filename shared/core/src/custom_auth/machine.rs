//! The state machine of a custom sign-in: decides the next step from what has happened.
//!
//! ```text
//!             session is empty                       [SRP_A ok]
//!                    │                                    │
//!        passwordless│ password                           ▼
//!         client     │ client                         PASSWORD ──wrong: Cognito ends it
//!            │       └───────▶ FAIL                       │ ok
//!            │                                            ├──▶ NEW_PASSWORD_REQUIRED (if it must be changed)
//!            │            Cognito's own MFA, devices ◀────┤◀─────────────┘ ok
//!            ▼                                            ▼
//!          BEGIN ◀────────────────────────────────────────┘
//!         │  │ ▲ ▲─ BACK, or proven with more to prove ─┐
//!   signs │  │ └─ anything else                         │
//!  or code│  │ chooses a factor                         │
//!         │  ▼                                          │
//!         │ CODE(factor) ──RESEND, wrong with tries left──▶ CODE(factor)
//!         │  │ right                                    │
//!         ▼  ▼                                          │
//!        proven ──────────── policy not yet met ────────┘
//!           │ policy met
//!           ▼
//!     ISSUE TOKENS ◀── right ── ENROL (a first authenticator; only where the policy lets it and the user
//!                              has no counted factor: [`challenge`](super::challenge) decides that)
//!             out of tries, too many rounds, a name or a member of the session that is
//!                             not known, a session and a record that disagree  ──▶ FAIL
//! ```
//!
//! `challengeResult` is true exactly if the round proved a factor. A choice, `RESEND` and `BACK` are false
//! and prove nothing. A proof only counts if both Cognito's session and our record contain it.

use super::{
    Proven, Requirements,
    round_state::{Nonce, RoundPrompt, RoundState},
    state::{AnswerEffect, ChallengeState},
};
use crate::{config::policy::FirstStep, kernel::CustomFactor};

/// The maximum number of custom challenges in one sign-in. More would not fit into Cognito's session either.
pub const MAX_ROUNDS: usize = 16;

/// One item of `session` (cognito.md §1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionItem<'a> {
    pub name: &'a str,
    pub result: bool,
    pub metadata: Option<&'a str>,
}

/// The next step of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Ask for the password, by SRP.
    Password,
    NewPassword,
    /// Ask which factor the user wants to prove.
    Begin(Challenge),
    /// Ask for a proof of this factor.
    Prove(CustomFactor, Challenge),
    /// Ask for a code of a first authenticator, which the user sets up.
    Enrol(Challenge),
    IssueTokens(Proven),
    Fail(FailReason),
}

/// The state of a sign-in that continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub proven: Proven,
    /// The last custom challenge. Absent before the first one.
    pub last: Option<RoundState>,
}

/// Why a sign-in ends. Only operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailReason {
    /// A custom challenge came before the password, at a client that requires the password first.
    PasswordNeeded,
    /// The name of a challenge is unknown, or not allowed at this point.
    UnexpectedChallenge,
    /// The user did not pass one of Cognito's challenges.
    NotPassed,
    /// A custom challenge is not ours, or belongs to another sign-in.
    ForeignRound,
    /// The session and our record disagree.
    NotRecorded,
    OutOfTries,
    TooManyRounds,
    /// The user has no factor that is enough, and cannot set one up here.
    NoUsableFactor,
}

impl FailReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::PasswordNeeded => "password-needed",
            Self::UnexpectedChallenge => "unexpected-challenge",
            Self::NotPassed => "not-passed",
            Self::ForeignRound => "foreign-round",
            Self::NotRecorded => "not-recorded",
            Self::OutOfTries => "out-of-tries",
            Self::TooManyRounds => "too-many-rounds",
            Self::NoUsableFactor => "no-usable-factor",
        }
    }
}

/// The progress of a session before our custom challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SessionPhase {
    Empty,
    SrpBegun,
    Password,
    NewPassword,
    /// Cognito's own second factor or remembered device.
    Native,
    Custom,
}

/// The progress of a consistent session, read from its first item to its last.
#[derive(Debug, Clone)]
struct SessionProgress {
    phase: SessionPhase,
    proven: Proven,
    nonce: Option<Nonce>,
    last: Option<(u32, RoundState)>,
    rounds: usize,
}

impl SessionProgress {
    fn read(
        session: &[SessionItem<'_>],
        challenge_state: Option<&ChallengeState>,
    ) -> Result<Self, FailReason> {
        let begin = Self {
            phase: SessionPhase::Empty,
            proven: Proven::default(),
            nonce: None,
            last: None,
            rounds: 0,
        };
        session
            .iter()
            .zip(0_u32..)
            .try_fold(begin, |before, (item, round_index)| before.then(item, round_index, challenge_state))
    }

    /// Returns the progress with the next item, which has this index.
    fn then(
        mut self,
        item: &SessionItem<'_>,
        round_index: u32,
        challenge_state: Option<&ChallengeState>,
    ) -> Result<Self, FailReason> {
        let native = match item.name {
            "SRP_A" if self.phase == SessionPhase::Empty => {
                self.phase = SessionPhase::SrpBegun;
                None
            }
            "PASSWORD_VERIFIER" if self.phase == SessionPhase::SrpBegun => {
                self.phase = SessionPhase::Password;
                self.proven.password = item.result;
                None
            }
            "NEW_PASSWORD_REQUIRED" if self.phase == SessionPhase::Password => {
                self.phase = SessionPhase::NewPassword;
                None
            }
            "SMS_MFA" => Some(Some(CustomFactor::SmsCode)),
            "EMAIL_OTP" => Some(Some(CustomFactor::EmailCode)),
            "SOFTWARE_TOKEN_MFA" => Some(Some(CustomFactor::Totp)),
            // A remembered device replaces Cognito's own factors, but no custom factor.
            "DEVICE_SRP_AUTH" | "DEVICE_PASSWORD_VERIFIER" => Some(None),
            "CUSTOM_CHALLENGE" => return self.then_custom(item, round_index, challenge_state),
            _ => return Err(FailReason::UnexpectedChallenge),
        };
        if !item.result {
            return Err(FailReason::NotPassed);
        }
        if let Some(factor) = native {
            if !matches!(
                self.phase,
                SessionPhase::Password | SessionPhase::NewPassword | SessionPhase::Native
            ) {
                return Err(FailReason::UnexpectedChallenge);
            }
            self.phase = SessionPhase::Native;
            self.proven.native.extend(factor);
        }
        Ok(self)
    }

    fn then_custom(
        mut self,
        item: &SessionItem<'_>,
        round_index: u32,
        challenge_state: Option<&ChallengeState>,
    ) -> Result<Self, FailReason> {
        if self.phase == SessionPhase::SrpBegun {
            return Err(FailReason::UnexpectedChallenge);
        }
        let round = item.metadata.and_then(RoundState::parse).ok_or(FailReason::ForeignRound)?;
        let is_ours = match (&self.nonce, round.ask) {
            // The first custom challenge asks which factor, or sets one up.
            (None, ask) => matches!(ask, RoundPrompt::Begin | RoundPrompt::Enrol { .. }),
            (Some(nonce), RoundPrompt::Begin | RoundPrompt::Enrol { .. }) => *nonce == round.nonce,
            (Some(nonce), RoundPrompt::Code { round_index: since, .. }) => {
                *nonce == round.nonce && since <= round_index
            }
        };
        if !is_ours || round.proven != self.proven {
            return Err(FailReason::ForeignRound);
        }
        let challenge_state = challenge_state.filter(|challenge_state| challenge_state.nonce == round.nonce);
        let recorded =
            challenge_state.and_then(|challenge_state| challenge_state.proven.get(&round_index).copied());
        match (item.result, recorded, round.ask) {
            (true, Some(factor), RoundPrompt::Begin) => self.proven = self.proven.with(factor),
            (true, Some(factor), RoundPrompt::Code { factor: asked, .. }) if factor == asked => {
                self.proven = self.proven.with(factor);
            }
            (true, Some(CustomFactor::Totp), RoundPrompt::Enrol { .. }) => self.proven.enrolled = true,
            (false, None, _) => {}
            _ => return Err(FailReason::NotRecorded),
        }
        self.phase = SessionPhase::Custom;
        self.nonce = Some(round.nonce.clone());
        self.last = Some((round_index, round));
        self.rounds += 1;
        Ok(self)
    }
}

/// Returns the next step of a sign-in with this `session` and `challenge_state`.
pub fn next(
    session: &[SessionItem<'_>],
    challenge_state: Option<&ChallengeState>,
    requirements: &Requirements,
    must_change_password: bool,
) -> NextStep {
    let progress = match SessionProgress::read(session, challenge_state) {
        Ok(progress) => progress,
        Err(why) => return NextStep::Fail(why),
    };
    let may_begin = requirements.first_step == FirstStep::Passwordless || progress.proven.password;
    match progress.phase {
        SessionPhase::SrpBegun => return NextStep::Password,
        SessionPhase::Password if must_change_password => return NextStep::NewPassword,
        _ if !may_begin => return NextStep::Fail(FailReason::PasswordNeeded),
        _ => {}
    }
    if requirements.are_met(&progress.proven) {
        return NextStep::IssueTokens(progress.proven);
    }
    if progress.rounds >= MAX_ROUNDS {
        return NextStep::Fail(FailReason::TooManyRounds);
    }
    let Some((round_index, round)) = progress.last else {
        return NextStep::Begin(Challenge { proven: progress.proven, last: None });
    };
    let challenge_state = challenge_state.filter(|challenge_state| challenge_state.nonce == round.nonce);
    if challenge_state
        .is_some_and(|challenge_state| challenge_state.comparisons >= requirements.wrong_answers())
    {
        return NextStep::Fail(FailReason::OutOfTries);
    }
    let effect =
        challenge_state.and_then(|challenge_state| challenge_state.effects.get(&round_index).copied());
    let is_proven = progress.proven != round.proven;
    let challenge = Challenge { proven: progress.proven, last: Some(round.clone()) };
    match (effect, round.ask) {
        (Some(AnswerEffect::Chose(factor)), RoundPrompt::Begin) => NextStep::Prove(factor, challenge),
        (Some(AnswerEffect::Back), _) | (_, RoundPrompt::Begin) => NextStep::Begin(challenge),
        _ if is_proven => NextStep::Begin(challenge),
        (_, RoundPrompt::Enrol { .. }) => NextStep::Enrol(challenge),
        (_, RoundPrompt::Code { factor, .. }) => NextStep::Prove(factor, challenge),
    }
}
