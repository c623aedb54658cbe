//! The history of the codes to one user on one channel: the wait for the next code, the verification of the
//! destination, and the codes that were not entered yet.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::budgets::TrustLevel;
use crate::{
    config::policy::GovernorPolicy,
    delivery::{Purpose, send_leases::DeliveryId},
};

/// Who can request a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// A caller who knows the user's name: sign-up, resend, forgotten password. Such messages are counted
    /// separately, so that this caller cannot delay the user's second factor.
    Anonymous,
    /// A caller who has shown the password or a token.
    Authenticated,
    /// No caller: we notify the user of a change or of a risky sign-in. Such a message has no cool-down and
    /// starts none. It has separate budgets for the user and the destination.
    System,
}

impl Requester {
    pub fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Authentication | Purpose::UpdateUserAttribute | Purpose::VerifyUserAttribute => {
                Self::Authenticated
            }
            Purpose::SignUp | Purpose::ResendCode | Purpose::ForgotPassword | Purpose::AdminCreateUser => {
                Self::Anonymous
            }
            Purpose::AccountTakeOverNotification | Purpose::Notice(_) => Self::System,
        }
    }
}

/// What was sent to one user on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendHistory {
    /// Changes with every write. With 0, we sent nothing yet.
    pub version: u32,
    /// Keyed hash of the destination that was last verified, and the time since when it is.
    pub verified: Option<(String, Timestamp)>,
    pub anonymous: Option<LastSend>,
    pub authenticated: Option<LastSend>,
    /// The last sign-in or confirmation. All earlier messages have arrived.
    pub completed_at: Option<Timestamp>,
    pub unverified_codes: Option<UnverifiedCodes>,
}

/// The last message of a streak of messages without an entered code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSend {
    pub at: Timestamp,
    /// Its position in the streak, from 1.
    pub streak: u32,
    /// The admitted delivery. A repetition of it, after a lost response or a crash, is not counted again.
    /// `None` if an earlier version sent the message.
    pub delivery: Option<DeliveryId>,
}

/// Codes sent to one unverified destination on one day that were not entered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCodes {
    /// Keyed hash.
    pub destination: String,
    pub day: Date,
    pub codes: u32,
}

impl SendHistory {
    /// Returns how far we trust `destination`. `is_verified` is what the event says now.
    pub fn trust_level(
        &self,
        policy: &GovernorPolicy,
        destination: &str,
        is_verified: bool,
        now: Timestamp,
    ) -> TrustLevel {
        let long = SignedDuration::from_hours(i64::from(policy.established_after_hours));
        let since = self.verified.as_ref().filter(|(verified, _)| verified == destination);
        match since {
            _ if !is_verified => TrustLevel::Unverified,
            Some((_, since)) if now.duration_since(*since) >= long => TrustLevel::Established,
            _ => TrustLevel::Verified,
        }
    }

    /// Returns whether the next message must wait. By default, the first three messages of a streak are sent at
    /// once. Each further one waits, at first 60 s, then twice as long each time, up to a maximum. An entered
    /// code, or waiting for the maximum, starts a new streak.
    pub fn is_cooling_down(&self, policy: &GovernorPolicy, requester: Requester, now: Timestamp) -> bool {
        self.cool_down_left(policy, requester, now).is_some()
    }

    /// Returns how long the next message has to wait, or `None` if it may be sent now.
    pub fn cool_down_left(
        &self,
        policy: &GovernorPolicy,
        requester: Requester,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        let sent = self.current_streak(policy, requester, now)?;
        let left = cool_down(policy, sent.streak) - now.duration_since(sent.at);
        left.is_positive().then_some(left)
    }

    /// Returns when the last message was sent.
    pub fn last_sent_at(&self) -> Option<Timestamp> {
        [&self.anonymous, &self.authenticated].into_iter().flatten().map(|sent| sent.at).max()
    }

    /// Returns whether this delivery was the last admitted one.
    pub fn has_admitted(&self, requester: Requester, delivery: &DeliveryId) -> bool {
        self.last(requester).is_some_and(|sent| sent.delivery.as_ref() == Some(delivery))
    }

    /// Returns the history after this message.
    #[must_use]
    pub fn after_send(&self, policy: &GovernorPolicy, message: &SentMessage<'_>, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.version = self.version.saturating_add(1);
        let streak = self.current_streak(policy, message.requester, now).map_or(0, |sent| sent.streak);
        let delivery = Some(message.delivery.clone());
        let sent = Some(LastSend { at: now, streak: streak.saturating_add(1), delivery });
        match message.requester {
            Requester::Anonymous => after.anonymous = sent,
            Requester::Authenticated => after.authenticated = sent,
            Requester::System => {}
        }
        let known = self.verified.as_ref().is_some_and(|(verified, _)| verified == message.destination);
        if message.is_verified {
            if !known {
                after.verified = Some((message.destination.to_owned(), now));
            }
            if self
                .unverified_codes
                .as_ref()
                .is_some_and(|unverified_codes| unverified_codes.destination == message.destination)
            {
                after.unverified_codes = None;
            }
        } else {
            // An unverified number does not end the verification of another number (a change is under way).
            if known {
                after.verified = None;
            }
            let codes = self
                .unverified_codes
                .as_ref()
                .filter(|unverified_codes| {
                    unverified_codes.destination == message.destination && unverified_codes.day == message.day
                })
                .map_or(0, |unverified_codes| unverified_codes.codes);
            after.unverified_codes = Some(UnverifiedCodes {
                destination: message.destination.to_owned(),
                day: message.day,
                codes: codes.saturating_add(1),
            });
        }
        after
    }

    /// Returns the history without the last message of this requester, so that the next one need not wait.
    #[must_use]
    pub fn without_last(&self, requester: Requester) -> Self {
        match requester {
            Requester::Anonymous => Self { anonymous: None, ..self.clone() },
            Requester::Authenticated => Self { authenticated: None, ..self.clone() },
            Requester::System => self.clone(),
        }
    }

    fn last(&self, requester: Requester) -> Option<&LastSend> {
        match requester {
            Requester::Anonymous => self.anonymous.as_ref(),
            Requester::Authenticated => self.authenticated.as_ref(),
            Requester::System => None,
        }
    }

    fn current_streak(
        &self,
        policy: &GovernorPolicy,
        requester: Requester,
        now: Timestamp,
    ) -> Option<&LastSend> {
        let sent = self.last(requester)?;
        let is_entered = self.completed_at.is_some_and(|at| at >= sent.at);
        let is_old = now.duration_since(sent.at) >= seconds(policy.cool_down_max_seconds);
        (!is_entered && !is_old).then_some(sent)
    }
}

/// What [`SendHistory::after_send`] needs to know of a message.
#[derive(Debug, Clone, Copy)]
pub struct SentMessage<'a> {
    pub delivery: &'a DeliveryId,
    pub requester: Requester,
    /// Keyed hash.
    pub destination: &'a str,
    pub is_verified: bool,
    pub day: Date,
}

/// Returns the wait after the message at position `streak`. Cognito has ended the user's earlier code before a
/// message gets here, so the first few messages have no wait.
fn cool_down(policy: &GovernorPolicy, streak: u32) -> SignedDuration {
    let Some(doublings) = streak.checked_sub(policy.codes_before_cool_down) else {
        return SignedDuration::ZERO;
    };
    let doubled = policy.cool_down_seconds.saturating_mul(2_u32.saturating_pow(doublings));
    seconds(doubled.min(policy.cool_down_max_seconds))
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(seconds))
}

#[cfg(test)]
mod tests;
