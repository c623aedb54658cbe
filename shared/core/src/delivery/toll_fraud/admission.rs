use super::{Channel, CounterIncrement, Country, Purpose, SendHistory};
use crate::kernel::{EmailAddress, PhoneNumber, UserId};

/// The address that a message goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    Sms(PhoneNumber),
    Email(EmailAddress),
}

impl Destination {
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }
}

/// A request for permission to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRequest {
    pub user: UserId,
    pub destination: Destination,
    /// Whether the event says that the address is verified. Always false for `UpdateUserAttribute`: there the
    /// attribute is new, and the flag may be of the old one (cognito.md §1.15).
    pub is_verified: bool,
    pub purpose: Purpose,
}

/// Why a message is not sent. Operators see the reason, users do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotSent {
    CountryNotAllowed,
    NumberTypeNotAllowed,
    /// The user got several codes in a row, and the last one is too recent. The reason is the
    /// same if the message lost every race with other messages of the user.
    CoolDown,
    /// Too many codes in this scope were not entered.
    NothingVerified(BudgetScope),
    /// One of the budgets is used up.
    BudgetUsedUp(BudgetScope),
}

impl NotSent {
    /// Returns the name for audit lines and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::CountryNotAllowed => "country-not-allowed",
            Self::NumberTypeNotAllowed => "number-type-not-allowed",
            Self::CoolDown => "cool-down",
            Self::NothingVerified(_) => "nothing-verified",
            Self::BudgetUsedUp(_) => "budget-used-up",
        }
    }

    pub fn scope(self) -> Option<BudgetScope> {
        match self {
            Self::NothingVerified(scope) | Self::BudgetUsedUp(scope) => Some(scope),
            Self::CountryNotAllowed | Self::NumberTypeNotAllowed | Self::CoolDown => None,
        }
    }
}

/// What a budget counts by, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetScope {
    User,
    Destination,
    /// Numbers that differ only in their last four digits. Numbers for pumping are rented in such blocks.
    NumberRange,
    /// Numbers that differ only in their last seven digits: an area code, or a part of an operator.
    NumberPrefix,
    Country,
    All,
}

impl BudgetScope {
    /// Returns whether the budget counts the messages of one user only.
    pub(super) fn is_personal(self) -> bool {
        matches!(self, Self::User | Self::Destination)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Destination => "destination",
            Self::NumberRange => "number-range",
            Self::NumberPrefix => "number-prefix",
            Self::Country => "country",
            Self::All => "all",
        }
    }
}

/// The decision on an [`AdmissionRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmissionDecision {
    /// Send the message; it is counted already.
    Admitted(AdmissionReceipt),
    /// Send the message, because the policy says dry run, although it would be withheld. It is not counted.
    DryRun(Withheld),
    Withheld(Withheld),
}

/// Why a message is withheld, for audit lines, log lines and metrics. Contains no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub reason: NotSent,
    pub origin: NumberOrigin,
}

/// The origin of a phone number. Empty for e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberOrigin {
    pub country: Option<Country>,
    /// The calling code and further digits, without the last seven.
    pub prefix: Option<String>,
}

impl NumberOrigin {
    /// Returns the dimensions for a metric.
    pub fn facts(&self) -> Vec<(&'static str, &str)> {
        let country = self.country.as_ref().map(|country| ("country", country.code()));
        let prefix = self.prefix.as_deref().map(|prefix| ("prefix", prefix));
        country.into_iter().chain(prefix).collect()
    }
}

/// What was counted for an admitted message, for [`Governor::release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionReceipt {
    pub origin: NumberOrigin,
    /// Whether the message goes to an unverified number. [`Governor::record_completion`] reports whether its
    /// code was entered.
    pub is_unverified: bool,
    pub(super) user: UserId,
    pub(super) channel: Channel,
    /// The history before and after.
    pub(super) history: Option<Box<(SendHistory, SendHistory)>>,
    pub(super) increments: Vec<CounterIncrement>,
}

/// A completed sign-in or confirmation, with the address from the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub user: UserId,
    pub destination: Destination,
    pub is_verified: bool,
}
