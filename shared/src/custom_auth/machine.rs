//! The state machine of a sign-in by custom challenges: what happened → what is next.
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
//! `challengeResult` is true exactly if the round proved a factor: a choice, `RESEND` and `BACK` are
//! false, and prove nothing. Whether it did must stand in Cognito's session and in our record: each alone
//! is worth nothing.

use super::{Ask, Effect, Nonce, Proven, Record, Requirements, Round};
use crate::{config::FirstStep, kernel::OwnFactor};

/// Custom challenges in one sign-in; more would not fit into Cognito's session either.
pub const MOST_ROUNDS: usize = 16;

/// One member of `session` (cognito.md §1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionItem<'a> {
    pub name: &'a str,
    pub result: bool,
    pub metadata: Option<&'a str>,
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The password, by SRP.
    Password,
    NewPassword,
    /// Which factor?
    Begin(Challenge),
    /// The proof of this one.
    Prove(OwnFactor, Challenge),
    /// A first authenticator app.
    Enrol(Challenge),
    IssueTokens(Proven),
    Fail(Why),
}

/// Of a sign-in that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub proven: Proven,
    /// The last of our rounds; none before the first.
    pub last: Option<Round>,
}

/// Why a sign-in ends. For operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A custom challenge before the password, at a client that asks for it.
    PasswordNeeded,
    /// A name that is not known, or not at this place.
    UnexpectedChallenge,
    /// A challenge of Cognito's that was not passed.
    NotPassed,
    /// A custom challenge that is not one of ours, or of another sign-in.
    ForeignRound,
    /// Session and record disagree.
    NotRecorded,
    OutOfTries,
    TooManyRounds,
    /// The user has no factor that would do, and none may be set up here.
    NoUsableFactor,
}

impl Why {
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

/// How far a session got before our own challenges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Empty,
    SrpBegun,
    Password,
    NewPassword,
    /// Cognito's own second factor, or its remembered device.
    Native,
    Custom,
}

/// A session that holds together, read from its first member to its last.
#[derive(Debug, Clone)]
struct Progress {
    phase: Phase,
    proven: Proven,
    nonce: Option<Nonce>,
    last: Option<(u32, Round)>,
    rounds: usize,
}

impl Progress {
    fn read(session: &[SessionItem<'_>], record: Option<&Record>) -> Result<Self, Why> {
        let begin =
            Self { phase: Phase::Empty, proven: Proven::default(), nonce: None, last: None, rounds: 0 };
        session.iter().zip(0_u32..).try_fold(begin, |before, (item, at)| before.then(item, at, record))
    }

    /// With the member `at` this place.
    fn then(mut self, item: &SessionItem<'_>, at: u32, record: Option<&Record>) -> Result<Self, Why> {
        let native = match item.name {
            "SRP_A" if self.phase == Phase::Empty => {
                self.phase = Phase::SrpBegun;
                None
            }
            "PASSWORD_VERIFIER" if self.phase == Phase::SrpBegun => {
                self.phase = Phase::Password;
                self.proven.password = item.result;
                None
            }
            "NEW_PASSWORD_REQUIRED" if self.phase == Phase::Password => {
                self.phase = Phase::NewPassword;
                None
            }
            "SMS_MFA" => Some(Some(OwnFactor::SmsCode)),
            "EMAIL_OTP" => Some(Some(OwnFactor::EmailCode)),
            "SOFTWARE_TOKEN_MFA" => Some(Some(OwnFactor::Totp)),
            // A remembered device stands for Cognito's own factors, and for none of ours.
            "DEVICE_SRP_AUTH" | "DEVICE_PASSWORD_VERIFIER" => Some(None),
            "CUSTOM_CHALLENGE" => return self.then_custom(item, at, record),
            _ => return Err(Why::UnexpectedChallenge),
        };
        if !item.result {
            return Err(Why::NotPassed);
        }
        if let Some(factor) = native {
            if !matches!(self.phase, Phase::Password | Phase::NewPassword | Phase::Native) {
                return Err(Why::UnexpectedChallenge);
            }
            self.phase = Phase::Native;
            self.proven.native.extend(factor);
        }
        Ok(self)
    }

    fn then_custom(mut self, item: &SessionItem<'_>, at: u32, record: Option<&Record>) -> Result<Self, Why> {
        if self.phase == Phase::SrpBegun {
            return Err(Why::UnexpectedChallenge);
        }
        let round = item.metadata.and_then(Round::parse).ok_or(Why::ForeignRound)?;
        let is_ours = match (&self.nonce, round.ask) {
            // The first one asks which factor, or sets one up.
            (None, ask) => matches!(ask, Ask::Begin | Ask::Enrol { .. }),
            (Some(nonce), Ask::Begin | Ask::Enrol { .. }) => *nonce == round.nonce,
            (Some(nonce), Ask::Code { round: since, .. }) => *nonce == round.nonce && since <= at,
        };
        if !is_ours || round.proven != self.proven {
            return Err(Why::ForeignRound);
        }
        let record = record.filter(|record| record.nonce == round.nonce);
        let recorded = record.and_then(|record| record.proven.get(&at).copied());
        match (item.result, recorded, round.ask) {
            (true, Some(factor), Ask::Begin) => self.proven = self.proven.with(factor),
            (true, Some(factor), Ask::Code { factor: asked, .. }) if factor == asked => {
                self.proven = self.proven.with(factor);
            }
            (true, Some(OwnFactor::Totp), Ask::Enrol { .. }) => self.proven.enrolled = true,
            (false, None, _) => {}
            _ => return Err(Why::NotRecorded),
        }
        self.phase = Phase::Custom;
        self.nonce = Some(round.nonce.clone());
        self.last = Some((at, round));
        self.rounds += 1;
        Ok(self)
    }
}

/// What is next in a sign-in with this `session` and `record`.
pub fn next(
    session: &[SessionItem<'_>],
    record: Option<&Record>,
    requirements: &Requirements,
    must_change_password: bool,
) -> Next {
    let progress = match Progress::read(session, record) {
        Ok(progress) => progress,
        Err(why) => return Next::Fail(why),
    };
    let may_begin = requirements.first == FirstStep::Passwordless || progress.proven.password;
    match progress.phase {
        Phase::SrpBegun => return Next::Password,
        Phase::Password if must_change_password => return Next::NewPassword,
        _ if !may_begin => return Next::Fail(Why::PasswordNeeded),
        _ => {}
    }
    if requirements.are_met(&progress.proven) {
        return Next::IssueTokens(progress.proven);
    }
    if progress.rounds >= MOST_ROUNDS {
        return Next::Fail(Why::TooManyRounds);
    }
    let Some((at, round)) = progress.last else {
        return Next::Begin(Challenge { proven: progress.proven, last: None });
    };
    let record = record.filter(|record| record.nonce == round.nonce);
    if record.is_some_and(|record| record.comparisons >= requirements.wrong_answers()) {
        return Next::Fail(Why::OutOfTries);
    }
    let effect = record.and_then(|record| record.effects.get(&at).copied());
    let is_proven = progress.proven != round.proven;
    let challenge = Challenge { proven: progress.proven, last: Some(round.clone()) };
    match (effect, round.ask) {
        (Some(Effect::Chose(factor)), Ask::Begin) => Next::Prove(factor, challenge),
        (Some(Effect::Back), _) | (_, Ask::Begin) => Next::Begin(challenge),
        _ if is_proven => Next::Begin(challenge),
        (_, Ask::Enrol { .. }) => Next::Enrol(challenge),
        (_, Ask::Code { factor, .. }) => Next::Prove(factor, challenge),
    }
}
