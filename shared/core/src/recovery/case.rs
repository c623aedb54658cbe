//! A recovery case as a pure state machine. The caller passes the time.
//!
//! ```text
//!          code right          new password             every step done
//!  Open ───────────────▶ Proven ───────────▶ Working ───────────────▶ Over: Recovered
//!   │ │                    │                 Password → Sessions →      Over: NeedsOperator
//!   │ └── five comparisons │                 Devices → CustomFactors →
//!   │     or out of time   │ out of time     Factor → Notices
//!   ▼          ▼           ▼
//!  cancelled: Over       nothing more can be done with it
//! ```
//!
//! If the policy allows it, a mailed code replaces the recovery code:
//!
//! ```text
//!        by e-mail            owner is notified        time, then the mailed code right
//!  Open ──────────▶ Waiting ───────────────────▶ Waiting ──────────────────────────────▶ Proven
//!                   (not notified)               │ stopped by the owner's link: Over
//!                                                ▼ ended by the owner's sign-in: Over
//! ```
//!
//! Each arrow is one conditional write of the whole case, by its revision. A step is recorded after it is
//! done. If the function dies in between, the step is repeated, so every step can be repeated.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{CaseKey, PasswordFingerprint};
use crate::kernel::{PoolFactor, Refusal, UserId};

/// Number of codes that are compared in one case.
const MOST_COMPARISONS: u32 = 5;
/// Time in which a case in progress must be finished.
const WORK_TIME: SignedDuration = SignedDuration::from_hours(24);
/// Time after the wait in which the mailed code can be entered.
const MAIL_TIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A recovery case, from its opening to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Number of writes.
    pub revision: u64,
    pub subject: CaseSubject,
    pub phase: CasePhase,
    /// Number of codes that were compared, or would have been compared in a decoy case.
    pub comparisons: u32,
    pub expires_at: Timestamp,
    /// The time at which the wait for a mailed code began. A later sign-in of the owner ends the case.
    pub waits_since: Option<Timestamp>,
}

/// The account that a case may recover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseSubject {
    Account {
        user: UserId,
        name: String,
        /// The password that opened the case. It was right, because Cognito asked for a second factor.
        fingerprint: PasswordFingerprint,
    },
    /// No account: the name is unknown or the password was wrong. The case makes the same calls as another, for
    /// an id that no user has, and no code is right.
    Decoy { user: UserId },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CasePhase {
    Open,
    /// The case waits for a mailed code.
    Waiting(MailWait),
    /// The right code was entered.
    Proven,
    InProgress(RecoveryWork),
    Over(CaseEnding),
}

/// The work of a recovery, with what was decided when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryWork {
    pub step: RecoveryStep,
    /// The factors that are lost.
    pub lost: BTreeSet<PoolFactor>,
    pub ids: RunIds,
    pub began_at: Timestamp,
    /// The reason why the factor cannot be removed.
    pub escalation: Option<EscalationReason>,
}

/// A wait for a mailed code, during which the owner can stop the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWait {
    /// Whether the account may be recovered by e-mail and its owner is notified. False in a decoy case.
    pub is_real: bool,
    pub ids: MailWaitIds,
    /// The page on which the owner can stop the case. We append the case key and the stop token to this URL.
    pub page: String,
    /// The time from which the mailed code is accepted. `None` until the owner is notified.
    pub ready_at: Option<Timestamp>,
}

/// Ids that are drawn once for each wait, like [`RunIds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailWaitIds {
    pub noted: uuid::Uuid,
    pub email: uuid::Uuid,
    pub sms: uuid::Uuid,
}

/// Ids that are drawn once for each case. A repeated step uses the same ids, so its write or message takes
/// effect once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunIds {
    pub begun: uuid::Uuid,
    pub ended: uuid::Uuid,
    pub email: uuid::Uuid,
    pub sms: uuid::Uuid,
}

/// The steps in their order. The password is replaced before the factor is removed, so a stolen password is
/// worthless then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecoveryStep {
    Password,
    Sessions,
    /// Devices that Cognito remembers.
    Devices,
    /// Named authenticators and trusted devices.
    CustomFactors,
    PoolFactor,
    Notices,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseEnding {
    Recovered,
    /// The new password is set, but the factor is still there. An operator must resolve it.
    NeedsOperator(EscalationReason),
    Cancelled,
}

/// The reason why an operator must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EscalationReason {
    /// The pool requires a factor, the lost one cannot be removed, and the user has no other.
    NoOtherFactor,
    /// Cognito accepted the change but did not make it.
    StillThere,
}

impl RecoveryStep {
    pub const ALL: [Self; 6] =
        [Self::Password, Self::Sessions, Self::Devices, Self::CustomFactors, Self::PoolFactor, Self::Notices];

    /// Returns the name that is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Sessions => "sessions",
            Self::Devices => "devices",
            Self::CustomFactors => "custom-factors",
            Self::PoolFactor => "factor",
            Self::Notices => "notices",
        }
    }

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
    }
}

impl EscalationReason {
    pub const ALL: [Self; 2] = [Self::NoOtherFactor, Self::StillThere];

    pub fn name(self) -> &'static str {
        match self {
            Self::NoOtherFactor => "no-other-factor",
            Self::StillThere => "still-there",
        }
    }
}

impl Case {
    pub fn open(subject: CaseSubject, expires_at: Timestamp) -> Self {
        let phase = CasePhase::Open;
        Self { revision: 1, subject, phase, comparisons: 0, expires_at, waits_since: None }
    }

    /// Returns the user of the account, or the unassigned id of a decoy case.
    pub fn user(&self) -> &UserId {
        match &self.subject {
            CaseSubject::Account { user, .. } | CaseSubject::Decoy { user } => user,
        }
    }

    /// Returns the account's user name, which is empty in a decoy case.
    pub fn user_name(&self) -> &str {
        match &self.subject {
            CaseSubject::Account { name, .. } => name,
            CaseSubject::Decoy { .. } => "",
        }
    }

    /// Returns the name by which an account is looked up. In a decoy case it is unassigned.
    pub fn lookup_name<'a>(&'a self, key: &'a CaseKey) -> &'a str {
        match &self.subject {
            CaseSubject::Account { name, .. } => name,
            CaseSubject::Decoy { .. } => key.as_str(),
        }
    }

    /// Returns whether the case was opened with this password.
    pub fn was_opened_with(&self, password: &PasswordFingerprint) -> bool {
        matches!(&self.subject, CaseSubject::Account { fingerprint, .. } if fingerprint == password)
    }

    fn is_decoy(&self) -> bool {
        matches!(self.subject, CaseSubject::Decoy { .. })
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    pub fn comparisons_left(&self) -> u32 {
        MOST_COMPARISONS.saturating_sub(self.comparisons)
    }

    /// Counts a code before it is compared.
    pub fn compare(&self, now: Timestamp) -> Result<Self, Refusal> {
        if !self.takes_code(now)? || self.comparisons_left() == 0 {
            return Err(Refusal::RecoveryEnded);
        }
        Ok(Self { comparisons: self.comparisons + 1, ..self.next() })
    }

    /// Records that the code was right.
    pub fn proven(&self, now: Timestamp) -> Result<Self, Refusal> {
        if !self.takes_code(now)? || self.is_decoy() {
            return Err(Refusal::RecoveryEnded);
        }
        Ok(Self { phase: CasePhase::Proven, ..self.next() })
    }

    fn takes_code(&self, now: Timestamp) -> Result<bool, Refusal> {
        match &self.phase {
            _ if self.is_expired(now) => Ok(false),
            CasePhase::Open => Ok(true),
            CasePhase::Waiting(MailWait { ready_at: Some(ready_at), .. }) if now >= *ready_at => Ok(true),
            CasePhase::Waiting(_) => Err(Refusal::RecoveryWaiting),
            CasePhase::Proven | CasePhase::InProgress(_) | CasePhase::Over(_) => Ok(false),
        }
    }

    /// Begins the wait for a mailed code. The time runs from the notification of the owner.
    pub fn wait(
        &self,
        ids: MailWaitIds,
        is_real: bool,
        page: String,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if self.phase != CasePhase::Open || self.is_expired(now) {
            return Err(Refusal::RecoveryEnded);
        }
        let phase =
            CasePhase::Waiting(MailWait { is_real: is_real && !self.is_decoy(), ids, page, ready_at: None });
        let expires_at = now.saturating_add(WORK_TIME).unwrap_or(now);
        Ok(Self { phase, expires_at, waits_since: Some(now), ..self.next() })
    }

    /// Records that the owner was notified of the wait.
    pub fn owner_notified(&self, wait: SignedDuration, now: Timestamp) -> Result<Self, Refusal> {
        match &self.phase {
            CasePhase::Waiting(untold) if untold.ready_at.is_none() && !self.is_expired(now) => {
                let ready_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                let expires_at = ready_at.saturating_add(MAIL_TIME).unwrap_or(Timestamp::MAX);
                let phase = CasePhase::Waiting(MailWait { ready_at: Some(ready_at), ..untold.clone() });
                Ok(Self { phase, expires_at, ..self.next() })
            }
            _ => Err(Refusal::RecoveryEnded),
        }
    }

    /// Begins the work. From here on it is finished, even if a worker dies.
    pub fn begin(&self, lost: BTreeSet<PoolFactor>, ids: RunIds, now: Timestamp) -> Result<Self, Refusal> {
        match self.phase {
            CasePhase::Proven if !self.is_expired(now) => {}
            CasePhase::Open | CasePhase::Waiting(_) if !self.is_expired(now) => {
                return Err(Refusal::RecoveryNotProven);
            }
            _ => return Err(Refusal::RecoveryEnded),
        }
        let work = RecoveryWork { step: RecoveryStep::Password, lost, ids, began_at: now, escalation: None };
        let expires_at = now.saturating_add(WORK_TIME).unwrap_or(now);
        Ok(Self { phase: CasePhase::InProgress(work), expires_at, ..self.next() })
    }

    /// Ends the current step. `escalation` says why the step could not be done.
    pub fn step_done(&self, escalation: Option<EscalationReason>) -> Result<Self, Refusal> {
        let CasePhase::InProgress(work) = &self.phase else { return Err(Refusal::RecoveryEnded) };
        let escalation = work.escalation.or(escalation);
        let phase = match work.step.next() {
            Some(step) => CasePhase::InProgress(RecoveryWork { step, escalation, ..work.clone() }),
            None => CasePhase::Over(escalation.map_or(CaseEnding::Recovered, CaseEnding::NeedsOperator)),
        };
        Ok(Self { phase, ..self.next() })
    }

    pub fn cancel(&self, now: Timestamp) -> Result<Self, Refusal> {
        match self.phase {
            CasePhase::Open | CasePhase::Waiting(_) | CasePhase::Proven if !self.is_expired(now) => {
                Ok(Self { phase: CasePhase::Over(CaseEnding::Cancelled), ..self.next() })
            }
            _ => Err(Refusal::RecoveryEnded),
        }
    }

    fn next(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
