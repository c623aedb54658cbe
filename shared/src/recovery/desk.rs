use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Case, CaseKey, Ending, Phase};
use crate::kernel::{PortError, Refusal};

/// Where cases are decided, as the public API reaches it.
///
/// Contract: `ask` may be asked again after a failure; what was done is not done twice. `resume` returns
/// as soon as the request is taken, and goes on with a case that somebody died over.
#[async_trait]
pub trait Desk: Send + Sync {
    async fn ask(&self, ask: &Ask) -> Result<Answer, PortError>;

    async fn resume(&self, key: &CaseKey) -> Result<(), PortError>;
}

/// What is asked. Prints no secret. All but `Resume`, which holds none, go to be answered at once and are
/// never queued.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Ask {
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
        mark: String,
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

impl fmt::Debug for Ask {
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

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Answer {
    Opened { secret: String, standing: Standing },
    Standing { standing: Standing },
    Refused { code: String },
}

/// Prints no secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { standing, .. } => write!(f, "Opened({standing:?})"),
            Self::Standing { standing } => write!(f, "{standing:?}"),
            Self::Refused { code } => write!(f, "Refused({code})"),
        }
    }
}

impl Answer {
    pub fn refused(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code().to_owned() }
    }
}

/// What the opener may know of a case. The same for one that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub status: State,
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
pub enum State {
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

impl Standing {
    pub fn of(case: &Case) -> Self {
        let status = match &case.phase {
            Phase::Open => State::Open,
            Phase::Waiting(_) => State::Waiting,
            Phase::Proven => State::Proven,
            Phase::InProgress(_) => State::InProgress,
            Phase::Over(Ending::Recovered) => State::Recovered,
            Phase::Over(Ending::NeedsOperator(_)) => State::NeedsOperator,
            Phase::Over(Ending::Cancelled) => State::Cancelled,
        };
        let ready_at = match &case.phase {
            Phase::Waiting(wait) => wait.ready_at.map(|at| at.to_string()),
            _ => None,
        };
        let (attempts_left, expires_at) = (case.comparisons_left(), case.expires_at.to_string());
        Self { status, attempts_left, expires_at, ready_at }
    }
}
