//! An operator's own rules over sign-ups and sign-ins: what they are asked, and what they answer.
//!
//! Rules only ever refuse: everybody passes whom no rule refuses. The engine stands behind a port, in
//! a crate of its own (`shared/rules`), so that functions without rules don't carry it.

use std::fmt;

use jiff::Timestamp;

use crate::kernel::{EmailAddress, PhoneNumber, RuleMessage};

/// The action that rules decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleAction {
    SignUp,
    /// With a password: `CUSTOM_AUTH` asks no rules (cognito.md §1.3).
    SignIn,
}

impl RuleAction {
    pub const ALL: [Self; 2] = [Self::SignUp, Self::SignIn];

    /// As rules name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::SignIn => "SignIn",
        }
    }
}

/// What is known of the user. `None` and empty: the event does not say.
#[derive(Clone)]
pub struct RuleQuestion<'a> {
    pub action: RuleAction,
    pub now: Timestamp,
    /// The user name, not the alias that was typed.
    pub user_name: &'a str,
    pub app_client: &'a str,
    /// The identity provider of a federated user.
    pub provider: Option<&'a str>,
    pub email: Option<EmailAddress>,
    pub phone: Option<Phone<'a>>,
    /// All attributes that are texts, by Cognito's names.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// What the app says of itself, unverified: `validationData` over `clientMetadata`.
    pub app_data: Vec<(&'a str, &'a str)>,
}

/// A phone number, and what the number plan says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone<'a> {
    pub number: PhoneNumber,
    /// ISO 3166; none for satellites and the like.
    pub country: Option<String>,
    /// `mobile`, `fixed-line` and the like; `unknown` for no valid number.
    pub kind: &'a str,
}

/// Attributes may hold addresses: only what is asked is printed.
impl fmt::Debug for RuleQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({})", self.action.name())
    }
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleVerdict {
    Passes,
    /// The first rule that refuses, and what it lets the user read.
    Refused {
        /// `20-domains.cedar:3`, for the operator's log.
        rule: String,
        message: Option<RuleMessage>,
    },
    /// A rule could not be decided. What it would have said is not known, so it counts as a refusal.
    Undecided {
        rule: String,
    },
}

/// An operator's rules.
///
/// Contract: pure, the same answer to the same question. No user passes while a rule cannot be decided.
pub trait Rules: Send + Sync + fmt::Debug {
    fn decide(&self, question: &RuleQuestion<'_>) -> RuleVerdict;
}
