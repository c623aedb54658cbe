//! What the governor decided in a replay.

use std::collections::{BTreeMap, HashSet};

use mfa_core::delivery::toll_fraud::NotSent;

/// Why a user wants a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    SignUp,
    SecondFactor,
    ForgottenPassword,
    ChangedNumber,
}

impl Wish {
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::SecondFactor => "second factor",
            Self::ForgottenPassword => "forgotten password",
            Self::ChangedNumber => "changed number",
        }
    }
}

/// The honest users of one country.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfCountry {
    pub users: usize,
    /// Users who gave up a wish, because the governor withheld every code for it.
    pub blocked: usize,
}

/// Counts of one replay. Messages of the two days before the week do not count.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Messages that honest users asked for.
    pub honest_messages: u32,
    /// Messages to honest users that the governor withheld, cool-downs apart.
    pub honest_messages_withheld: u32,
    /// Messages to honest users that came before the end of a cool-down.
    pub too_early: u32,
    pub honest_users: usize,
    pub(crate) blocked_users: HashSet<usize>,
    /// Given-up wishes, by wish and by the reason of the last withheld code.
    pub blocked_by: BTreeMap<(Wish, NotSent), u32>,
    /// Codes that users entered in vain, because the governor withheld a newer one, by its reason.
    pub dead_codes: BTreeMap<NotSent, u32>,
    pub second_factors: u32,
    pub(crate) own_prefix_newcomers: HashSet<usize>,
    pub(crate) blocked_in_own_prefix: HashSet<usize>,
    /// Honest users by ISO 3166 code.
    pub by_country: BTreeMap<String, OfCountry>,
    /// Fraudulent messages that the flood asked for.
    pub fraud: u32,
    /// Fraudulent messages that the governor admitted. The operator pays for them.
    pub fraud_paid: u32,
    pub fraud_withheld: BTreeMap<NotSent, u32>,
}

impl Figures {
    pub fn blocked_users(&self) -> usize {
        self.blocked_users.len()
    }

    /// Returns the newcomers in the flooded prefix during the flood, and how many of them were blocked.
    pub fn own_prefix(&self) -> (usize, usize) {
        (self.own_prefix_newcomers.len(), self.blocked_in_own_prefix.len())
    }

    pub fn blocked_second_factors(&self) -> u32 {
        let second_factors = self.blocked_by.iter().filter(|((wish, _), _)| *wish == Wish::SecondFactor);
        second_factors.map(|(_, count)| count).sum()
    }

    /// Returns the users who entered a code that Cognito had replaced.
    pub fn dead_codes(&self) -> u32 {
        self.dead_codes.values().sum()
    }

    pub fn blocked_second_factors_share(&self) -> f64 {
        share(self.blocked_second_factors(), self.second_factors)
    }

    pub fn fraud_share(&self) -> f64 {
        share(self.fraud_paid, self.fraud)
    }

    pub fn blocked_share(&self) -> f64 {
        let count = |users: usize| u32::try_from(users).unwrap_or(u32::MAX);
        share(count(self.blocked_users.len()), count(self.honest_users))
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}
