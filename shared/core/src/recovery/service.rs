use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    CaseKey,
    case::{Case, CaseEnding, CasePhase},
};
use crate::kernel::{PortError, Refusal};

/// Handles recovery cases. The public API calls it.
///
/// Contract: `handle` can be repeated after a failure and takes effect once. `resume` continues a case whose
/// worker died. It returns as soon as the request is accepted.
#[async_trait]
pub trait RecoveryService: Send + Sync + std::fmt::Debug {
    async fn handle(&self, command: &RecoveryCommand) -> Result<RecoveryReply, PortError>;

    async fn resume(&self, key: &CaseKey) -> Result<(), PortError>;
}

/// A request to the recovery service. `Debug` prints no secret. `Resume` holds no secret and is queued; all
/// other requests are answered at once and never queued.
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
    /// Begins the wait for a mailed code. `page`: where the owner can stop the case.
    Mail {
        secret: String,
        page: String,
    },
    /// Stops the case. Holds the parts of the owner's link.
    Stop {
        case: String,
        stop_token: String,
    },
    /// Finishes the case. The password that opened it must still be the user's.
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
        #[serde(rename = "case")]
        view: CaseView,
    },
    Case {
        #[serde(rename = "case")]
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

/// The state of a case as its opener sees it. A decoy case looks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseView {
    pub status: CaseStatus,
    /// Number of codes that may still be entered.
    pub attempts_left: u32,
    /// Expiry of the case, in RFC 3339.
    pub expires_at: String,
    /// Time at which the mailed code can be entered, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseStatus {
    /// The case needs a recovery code.
    Open,
    /// The case waits until the mailed code can be entered.
    Waiting,
    /// The case needs a new password.
    Proven,
    /// The recovery is in progress. Ask again, or send the new password again.
    InProgress,
    /// The user can sign in with the new password.
    Recovered,
    /// The new password is set. An operator must remove the factor.
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
