use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Case, CaseEnding, CaseKey, CasePhase};
use crate::kernel::{PortError, Refusal};

/// Handles recovery cases. The public API calls it.
///
/// Contract: `handle` can be repeated after a failure and has its effect once. `resume` returns as soon as the
/// request is taken; it continues a case whose worker died.
#[async_trait]
pub trait RecoveryService: Send + Sync {
    async fn handle(&self, command: &RecoveryCommand) -> Result<RecoveryReply, PortError>;

    async fn resume(&self, key: &CaseKey) -> Result<(), PortError>;
}

/// A request to the recovery service. Prints no secret. All but `Resume`, which holds none, go to be answered at once and are
/// never queued.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RecoveryCommand {
    Open {
        user_name: String,
        password: String,
    },
    Look {
        secret: String,
    },
    Code {
        secret: String,
        code: String,
    },
    /// Begins the wait for a mailed code. `page`: where the owner can stop it.
    Mail {
        secret: String,
        page: String,
    },
    /// The owner's link: what it consists of.
    Stop {
        case: String,
        #[serde(rename = "mark")]
        stop_token: String,
    },
    /// With the password that opened the case: it must still be the user's.
    Finish {
        secret: String,
        old_password: String,
        password: String,
    },
    Cancel {
        secret: String,
    },
    Resume {
        key: String,
    },
}

impl fmt::Debug for RecoveryCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open { .. } => "Open(..)",
            Self::Look { .. } => "Look(..)",
            Self::Code { .. } => "Code(..)",
            Self::Mail { .. } => "Mail(..)",
            Self::Stop { .. } => "Stop(..)",
            Self::Finish { .. } => "Finish(..)",
            Self::Cancel { .. } => "Cancel(..)",
            Self::Resume { .. } => "Resume(..)",
        })
    }
}

/// The answer to a [`RecoveryCommand`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RecoveryReply {
    Opened {
        secret: String,
        #[serde(rename = "standing")]
        view: CaseView,
    },
    #[serde(rename = "standing")]
    Case {
        #[serde(rename = "standing")]
        view: CaseView,
    },
    Refused {
        code: String,
    },
}

/// Prints no secret.
impl fmt::Debug for RecoveryReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { view, .. } => write!(f, "Opened({view:?})"),
            Self::Case { view } => write!(f, "{view:?}"),
            Self::Refused { code } => write!(f, "Refused({code})"),
        }
    }
}

impl RecoveryReply {
    pub fn refused(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code().to_owned() }
    }
}

/// What the caller who opened a case sees of it. A decoy case shows the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseView {
    pub status: CaseStatus,
    /// Codes that may still be entered.
    pub attempts_left: u32,
    /// RFC 3339.
    pub expires_at: String,
    /// RFC 3339: when the mailed code can be entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseStatus {
    /// A recovery code is needed.
    Open,
    /// For the time at which the mailed code can be entered.
    Waiting,
    /// A new password is needed.
    Proven,
    /// It is being finished; ask again, or send the new password again.
    InProgress,
    /// Sign in with the new password.
    Recovered,
    /// The new password holds; an operator has to take the factor away.
    NeedsOperator,
    Cancelled,
}

impl CaseView {
    pub fn of(case: &Case) -> Self {
        let status = match &case.phase {
            CasePhase::Open => CaseStatus::Open,
            CasePhase::Waiting(_) => CaseStatus::Waiting,
            CasePhase::Proven => CaseStatus::Proven,
            CasePhase::InProgress(_) => CaseStatus::InProgress,
            CasePhase::Over(CaseEnding::Recovered) => CaseStatus::Recovered,
            CasePhase::Over(CaseEnding::NeedsOperator(_)) => CaseStatus::NeedsOperator,
            CasePhase::Over(CaseEnding::Cancelled) => CaseStatus::Cancelled,
        };
        let ready_at = match &case.phase {
            CasePhase::Waiting(wait) => wait.ready_at.map(|at| at.to_string()),
            _ => None,
        };
        let (attempts_left, expires_at) = (case.comparisons_left(), case.expires_at.to_string());
        Self { status, attempts_left, expires_at, ready_at }
    }
}
