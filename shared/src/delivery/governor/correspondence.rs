//! What is remembered of the codes that went to one user on one channel: how long to wait for the
//! next, since when the destination is verified, and which codes nobody has entered yet.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::budgets::Standing;
use crate::{
    config::GovernorPolicy,
    delivery::{DeliveryId, Purpose},
};

/// Who can ask for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Whoever knows the user's name: sign-up, resend, forgotten password. Counted apart, so that
    /// they can't make the user wait for a second factor.
    Anybody,
    /// Whoever has shown the password or a token.
    SignedIn,
    /// Nobody: the user is told of a change, or of a sign-in that is a risk. No wait, neither for it nor because of
    /// it; budgets hold, the user's and the destination's own ones apart from those of codes.
    Us,
}

impl Asker {
    pub fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Authentication | Purpose::UpdateUserAttribute | Purpose::VerifyUserAttribute => {
                Self::SignedIn
            }
            Purpose::SignUp | Purpose::ResendCode | Purpose::ForgotPassword | Purpose::AdminCreateUser => {
                Self::Anybody
            }
            Purpose::AccountTakeOverNotification | Purpose::Notice(_) => Self::Us,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Correspondence {
    /// Changes with every write; 0: nothing was ever sent.
    pub version: u32,
    /// Keyed hash of the destination that was last seen verified, and since when it is.
    pub verified: Option<(String, Timestamp)>,
    pub for_anybody: Option<Sent>,
    pub for_signed_in: Option<Sent>,
    /// The last sign-in or confirmation: whatever was sent before has arrived.
    pub settled_at: Option<Timestamp>,
    pub debt: Option<Debt>,
}

/// The last of a row of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub at: Timestamp,
    /// Its place in the row, from 1.
    pub row: u32,
    /// Whoever comes for it again is counted already: after an answer that was lost, or in the place of somebody who
    /// died. None: an earlier version sent it.
    pub delivery: Option<DeliveryId>,
}

/// Codes to one unverified destination on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// Keyed hash.
    pub destination: String,
    pub day: Date,
    pub codes: u32,
}

impl Correspondence {
    /// How far the owner of `destination` is known, given what the event says of it now.
    pub fn standing(
        &self,
        policy: &GovernorPolicy,
        destination: &str,
        is_verified: bool,
        now: Timestamp,
    ) -> Standing {
        let long = SignedDuration::from_hours(i64::from(policy.established_after_hours));
        let since = self.verified.as_ref().filter(|(verified, _)| verified == destination);
        match since {
            _ if !is_verified => Standing::Unverified,
            Some((_, since)) if now.duration_since(*since) >= long => Standing::Established,
            _ => Standing::Verified,
        }
    }

    /// May the next message go out now? It may 60 s after the first, 120 s after the second and so
    /// on, up to a cap; entering a code or waiting for the cap starts the row anew.
    pub fn is_cooling_down(&self, policy: &GovernorPolicy, asker: Asker, now: Timestamp) -> bool {
        self.cools_down_for(policy, asker, now).is_some()
    }

    /// How long the next message has to wait; None: not at all.
    pub fn cools_down_for(
        &self,
        policy: &GovernorPolicy,
        asker: Asker,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        let sent = self.row(policy, asker, now)?;
        let left = cool_down(policy, sent.row) - now.duration_since(sent.at);
        left.is_positive().then_some(left)
    }

    /// When the last message went out that this remembers.
    pub fn last_sent_at(&self) -> Option<Timestamp> {
        [&self.for_anybody, &self.for_signed_in].into_iter().flatten().map(|sent| sent.at).max()
    }

    /// Was it this delivery that was admitted last?
    pub fn has_admitted(&self, asker: Asker, delivery: &DeliveryId) -> bool {
        self.last(asker).is_some_and(|sent| sent.delivery.as_ref() == Some(delivery))
    }

    /// As it is once this message is sent.
    #[must_use]
    pub fn sent(&self, policy: &GovernorPolicy, message: &Message<'_>, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.version = self.version.saturating_add(1);
        let row = self.row(policy, message.asker, now).map_or(0, |sent| sent.row);
        let delivery = Some(message.delivery.clone());
        let sent = Some(Sent { at: now, row: row.saturating_add(1), delivery });
        match message.asker {
            Asker::Anybody => after.for_anybody = sent,
            Asker::SignedIn => after.for_signed_in = sent,
            Asker::Us => {}
        }
        let known = self.verified.as_ref().is_some_and(|(verified, _)| verified == message.destination);
        if message.is_verified {
            if !known {
                after.verified = Some((message.destination.to_owned(), now));
            }
            if self.debt.as_ref().is_some_and(|debt| debt.destination == message.destination) {
                after.debt = None;
            }
        } else {
            // An unverified number beside a verified one (a change under way) takes nothing away.
            if known {
                after.verified = None;
            }
            let codes = self
                .debt
                .as_ref()
                .filter(|debt| debt.destination == message.destination && debt.day == message.day)
                .map_or(0, |debt| debt.codes);
            after.debt = Some(Debt {
                destination: message.destination.to_owned(),
                day: message.day,
                codes: codes.saturating_add(1),
            });
        }
        after
    }

    /// As it is if the last message of this asker never went out: the next need not wait.
    #[must_use]
    pub fn without_last(&self, asker: Asker) -> Self {
        match asker {
            Asker::Anybody => Self { for_anybody: None, ..self.clone() },
            Asker::SignedIn => Self { for_signed_in: None, ..self.clone() },
            Asker::Us => self.clone(),
        }
    }

    fn last(&self, asker: Asker) -> Option<&Sent> {
        match asker {
            Asker::Anybody => self.for_anybody.as_ref(),
            Asker::SignedIn => self.for_signed_in.as_ref(),
            Asker::Us => None,
        }
    }

    fn row(&self, policy: &GovernorPolicy, asker: Asker, now: Timestamp) -> Option<&Sent> {
        let sent = self.last(asker)?;
        let is_entered = self.settled_at.is_some_and(|at| at >= sent.at);
        let is_old = now.duration_since(sent.at) >= seconds(policy.cool_down_max_seconds);
        (!is_entered && !is_old).then_some(sent)
    }
}

/// What [`Correspondence::sent`] needs to know of a message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub delivery: &'a DeliveryId,
    pub asker: Asker,
    /// Keyed hash.
    pub destination: &'a str,
    pub is_verified: bool,
    pub day: Date,
}

fn cool_down(policy: &GovernorPolicy, row: u32) -> SignedDuration {
    let doubled = policy.cool_down_seconds.saturating_mul(2_u32.saturating_pow(row.saturating_sub(1)));
    seconds(doubled.min(policy.cool_down_max_seconds))
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(seconds))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::LazyLock};

    use proptest::prelude::*;

    use super::*;
    use crate::config::Policy;

    static DELIVERY: LazyLock<DeliveryId> = LazyLock::new(|| DeliveryId::kept("one"));
    const DAY: Date = jiff::civil::date(2026, 3, 1);

    fn policy() -> GovernorPolicy {
        Policy::default().governor
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn message(is_verified: bool, asker: Asker) -> Message<'static> {
        Message { delivery: &DELIVERY, asker, destination: "number", is_verified, day: DAY }
    }

    /// Seconds from each message to the first moment the next may go.
    fn waits(mut kept: Correspondence, asker: Asker, count: usize) -> Vec<i64> {
        let mut now = 0;
        (0..count)
            .map(|_| {
                kept = kept.sent(&policy(), &message(true, asker), at(now));
                let sent = now;
                while kept.is_cooling_down(&policy(), asker, at(now)) {
                    now += 1;
                }
                now - sent
            })
            .collect()
    }

    #[test]
    fn the_cool_down_doubles_up_to_its_cap() {
        let waits = waits(Correspondence::default(), Asker::SignedIn, 6);
        // The row is old at the cap: whoever waited for it starts anew.
        assert_eq!(waits, [60, 120, 240, 480, 900, 60]);
    }

    #[test]
    fn an_entered_code_ends_the_cool_down() {
        let policy = policy();
        let mut kept = Correspondence::default().sent(&policy, &message(true, Asker::SignedIn), at(0));
        assert!(kept.is_cooling_down(&policy, Asker::SignedIn, at(20)));
        kept.settled_at = Some(at(15));
        assert!(!kept.is_cooling_down(&policy, Asker::SignedIn, at(20)));
        kept = kept.sent(&policy, &message(true, Asker::SignedIn), at(20));
        assert_eq!(kept.for_signed_in, Some(Sent { at: at(20), row: 1, delivery: Some(DELIVERY.clone()) }));
        assert!(kept.is_cooling_down(&policy, Asker::SignedIn, at(21)));
    }

    #[test]
    fn who_only_knows_the_name_makes_no_second_factor_wait() {
        let kept = Correspondence::default().sent(&policy(), &message(true, Asker::Anybody), at(0));
        assert!(kept.is_cooling_down(&policy(), Asker::Anybody, at(1)));
        assert!(!kept.is_cooling_down(&policy(), Asker::SignedIn, at(1)));
    }

    #[test]
    fn a_number_is_established_a_day_after_it_was_first_seen_verified() {
        const DAY_LONG: i64 = 24 * 3600;
        let policy = policy();
        let standing = |kept: &Correspondence, number, is_verified, now| {
            kept.standing(&policy, number, is_verified, at(now))
        };
        let verified = message(true, Asker::SignedIn);
        let kept = Correspondence::default();
        assert_eq!(standing(&kept, "number", true, 0), Standing::Verified);
        let kept = kept.sent(&policy, &verified, at(0));
        assert_eq!(standing(&kept, "number", true, DAY_LONG - 1), Standing::Verified);
        let kept = kept.sent(&policy, &verified, at(DAY_LONG - 1));
        assert_eq!(standing(&kept, "number", true, DAY_LONG), Standing::Established);
        assert_eq!(standing(&kept, "number", false, DAY_LONG), Standing::Unverified);
        assert_eq!(standing(&kept, "other", true, DAY_LONG), Standing::Verified);

        let change = Message { destination: "other", is_verified: false, ..verified };
        let kept = kept.sent(&policy, &change, at(DAY_LONG));
        assert_eq!(standing(&kept, "number", true, DAY_LONG), Standing::Established, "still theirs");
        let kept = kept.sent(&policy, &message(false, Asker::SignedIn), at(DAY_LONG));
        assert_eq!(standing(&kept, "number", true, DAY_LONG), Standing::Verified, "lost it in between");
    }

    #[test]
    fn codes_to_an_unverified_number_are_owed_until_it_is_verified() {
        let policy = policy();
        let unverified = message(false, Asker::Anybody);
        let owed = |codes| Some(Debt { destination: "number".into(), day: DAY, codes });
        let kept = Correspondence::default().sent(&policy, &unverified, at(0));
        assert_eq!(kept.debt, owed(1));
        let kept = kept.sent(&policy, &unverified, at(60));
        assert_eq!(kept.debt, owed(2));
        let other = Message { destination: "other", is_verified: true, ..unverified };
        assert_eq!(kept.sent(&policy, &other, at(90)).debt, owed(2));
        assert_eq!(kept.sent(&policy, &message(true, Asker::SignedIn), at(90)).debt, None);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// By whom, where to, verified or not.
        Ask(Asker, &'static str, bool),
        /// A code is entered.
        Settle,
        Wait(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let asker = prop::sample::select(vec![Asker::Anybody, Asker::SignedIn, Asker::Us]);
        let destination = prop::sample::select(vec!["number", "other"]);
        let wait = prop_oneof![0..70_i64, 100..130_i64, 800..1_000_i64, 80_000..90_000_i64];
        let step = prop_oneof![
            6 => (asker, destination, prop::bool::weighted(0.8))
                .prop_map(|(asker, to, is_verified)| Step::Ask(asker, to, is_verified)),
            1 => Just(Step::Settle),
            4 => wait.prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..40)
    }

    proptest! {
        /// Whatever is asked for in whatever order, and let through as the cool-down says: each kind of asker has
        /// a row of its own, nobody waits for ever or because of us, a destination is established by a day in
        /// which it was never seen unverified, and every code to an unverified one is owed.
        #[test]
        fn no_history_gets_around_a_wait_or_into_the_reserve(steps in steps()) {
            let policy = policy();
            let (mut kept, mut now) = (Correspondence::default(), 0);
            // When each kind of asker got its messages since a code was entered.
            let mut rows: [Vec<i64>; 2] = Default::default();
            // Of each destination: since when it was only seen verified, and codes owed today.
            let (mut verified, mut owed) = (BTreeMap::new(), BTreeMap::new());
            for step in steps {
                let (asker, destination, is_verified) = match step {
                    Step::Wait(seconds) => { now += seconds; continue }
                    Step::Settle => {
                        kept.settled_at = Some(at(now));
                        rows = Default::default();
                        // What is sent in the very moment of a sign-in counts as sent before it.
                        now += 1;
                        continue;
                    }
                    Step::Ask(asker, destination, is_verified) => (asker, destination, is_verified),
                };
                let row = match asker { Asker::Anybody => 0, Asker::SignedIn => 1, Asker::Us => 2 };
                let is_early = |before: &i64| now - before < 60;
                let is_held_off = kept.is_cooling_down(&policy, asker, at(now));
                if let Some(left) = kept.cools_down_for(&policy, asker, at(now)) {
                    prop_assert!(left <= SignedDuration::from_secs(900), "nobody waits longer: {left:?}");
                }
                match rows.get(row).and_then(|row| row.last()) {
                    Some(last) => prop_assert!(is_held_off || !is_early(last)),
                    None => prop_assert!(!is_held_off, "nothing was sent to wait for"),
                }
                let standing = kept.standing(&policy, destination, is_verified, at(now));
                let since = verified.get(destination).filter(|since| now - **since >= 24 * 3600);
                prop_assert_eq!(is_verified, standing > Standing::Unverified);
                prop_assert!(standing < Standing::Established || since.is_some(), "not for a day");
                if is_held_off { continue }

                let message = Message { destination, ..message(is_verified, asker) };
                let after = kept.sent(&policy, &message, at(now));
                prop_assert_eq!(after.version, kept.version + 1);
                if asker == Asker::Us {
                    let rows = |of: &Correspondence| (of.for_anybody.clone(), of.for_signed_in.clone());
                    prop_assert_eq!(rows(&after), rows(&kept));
                }
                kept = after;
                if let Some(row) = rows.get_mut(row) { row.push(now) }
                if is_verified {
                    verified.entry(destination).or_insert(now);
                    owed.remove(destination);
                } else {
                    verified.remove(destination);
                    *owed.entry(destination).or_insert(0) += 1;
                    let debt = kept.debt.as_ref().filter(|debt| debt.destination == destination);
                    prop_assert!(debt.is_some_and(|debt| debt.codes >= 1), "owed");
                }
                if let Some(debt) = &kept.debt {
                    let owed = owed.get(debt.destination.as_str()).copied().unwrap_or_default();
                    prop_assert!((1..=owed).contains(&debt.codes), "{debt:?} of {owed}");
                }
            }
        }

        /// A row of messages without a code entered: 60 s, twice that and so on, to the cap.
        #[test]
        fn a_row_waits_twice_as_long_each_time(late in prop::collection::vec(0..30_i64, 1..12)) {
            let policy = policy();
            let (mut kept, mut now, mut expected) = (Correspondence::default(), 0, 0);
            for late in late {
                prop_assert_eq!(kept.is_cooling_down(&policy, Asker::SignedIn, at(now + expected - 1)), expected > 0);
                prop_assert!(!kept.is_cooling_down(&policy, Asker::SignedIn, at(now + expected)));
                now += expected + late;
                kept = kept.sent(&policy, &message(true, Asker::SignedIn), at(now));
                // Whoever waited for the cap begins a new row.
                expected = if expected == 0 || expected + late >= 900 { 60 } else { (expected * 2).min(900) };
            }
        }
    }
}
