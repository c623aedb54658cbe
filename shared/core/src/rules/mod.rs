//! An operator's rules for sign-ups and sign-ins: their input and their decision.
//!
//! Rules only refuse. A user passes if no rule refuses. The engine is an adapter of a port in a crate of its
//! own (`shared/rules`), so that functions without rules do not contain it.

use std::fmt;

use jiff::Timestamp;

use crate::kernel::{EmailAddress, PhoneNumber, RuleMessage};

/// The action that rules decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleAction {
    SignUp,
    /// A sign-in with a password. `CUSTOM_AUTH` evaluates no rules (cognito.md §1.3).
    SignIn,
}

impl RuleAction {
    pub const ALL: [Self; 2] = [Self::SignUp, Self::SignIn];

    /// Returns the name that rules use.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::SignIn => "SignIn",
        }
    }
}

/// The input of a decision. An absent or empty member means that the event does not contain the value.
#[derive(Clone)]
pub struct RuleQuestion<'a> {
    pub action: RuleAction,
    pub now: Timestamp,
    /// The user name, not the alias that the user typed.
    pub user_name: &'a str,
    pub app_client: &'a str,
    /// The identity provider of a federated user.
    pub provider: Option<&'a str>,
    pub email: Option<EmailAddress>,
    pub phone: Option<Phone<'a>>,
    /// All attributes that are texts, with Cognito's names.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// The values that the app sends, unverified: `validationData` over `clientMetadata`.
    pub app_data: Vec<(&'a str, &'a str)>,
}

/// A phone number, with its country and kind in the number plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone<'a> {
    pub number: PhoneNumber,
    /// The ISO 3166 code, or `None` for numbers without a country, such as satellite numbers.
    pub country: Option<String>,
    /// The kind, such as `mobile` or `fixed-line`, or `unknown` for an invalid number.
    pub kind: &'a str,
}

/// Prints only the action, because attributes may hold addresses.
impl fmt::Debug for RuleQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({})", self.action.name())
    }
}

/// The decision of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleVerdict {
    Passes,
    /// The first rule that refuses, and its message for the user.
    Refused {
        /// File and line, such as `20-domains.cedar:3`, for the operator's log.
        rule: String,
        message: Option<RuleMessage>,
    },
    /// A rule could not be evaluated. Its decision is unknown, so it counts as a refusal.
    Undecided {
        rule: String,
    },
}

/// Decides by an operator's rules.
///
/// Contract: pure, so the same input gives the same decision. No user passes while a rule cannot be
/// evaluated.
pub trait Rules: Send + Sync + fmt::Debug {
    fn decide(&self, question: &RuleQuestion<'_>) -> RuleVerdict;
}
