use std::{collections::BTreeMap, sync::LazyLock};

use proptest::prelude::*;

use super::*;
use crate::config::Policy;

static DELIVERY: LazyLock<DeliveryId> = LazyLock::new(|| DeliveryId::from_stored("one"));
const DAY: Date = jiff::civil::date(2026, 3, 1);

fn policy() -> GovernorPolicy {
    Policy::default().governor
}

/// Returns a policy with a wait after each code.
fn strict() -> GovernorPolicy {
    GovernorPolicy { codes_before_cool_down: 1, ..policy() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn message(is_verified: bool, requester: Requester) -> SentMessage<'static> {
    SentMessage { delivery: &DELIVERY, requester, destination: "number", is_verified, day: DAY }
}

/// Returns the seconds from each message to the first moment that allows the next.
fn waits(mut history: SendHistory, requester: Requester, count: usize) -> Vec<i64> {
    let mut now = 0;
    (0..count)
        .map(|_| {
            history = history.after_send(&policy(), &message(true, requester), at(now));
            let sent = now;
            while history.is_cooling_down(&policy(), requester, at(now)) {
                now += 1;
            }
            now - sent
        })
        .collect()
}

#[test]
fn the_cool_down_doubles_up_to_its_cap() {
    let waits = waits(SendHistory::default(), Requester::Authenticated, 10);
    // After the maximum wait, a new streak starts.
    assert_eq!(waits, [0, 0, 60, 120, 240, 480, 900, 0, 0, 60]);
}

#[test]
fn an_entered_code_ends_the_cool_down() {
    let policy = strict();
    let mut history =
        SendHistory::default().after_send(&policy, &message(true, Requester::Authenticated), at(0));
    assert!(history.is_cooling_down(&policy, Requester::Authenticated, at(20)));
    history.completed_at = Some(at(15));
    assert!(!history.is_cooling_down(&policy, Requester::Authenticated, at(20)));
    history = history.after_send(&policy, &message(true, Requester::Authenticated), at(20));
    assert_eq!(
        history.authenticated,
        Some(LastSend { at: at(20), streak: 1, delivery: Some(DELIVERY.clone()) })
    );
    assert!(history.is_cooling_down(&policy, Requester::Authenticated, at(21)));
}

#[test]
fn who_only_knows_the_name_makes_no_second_factor_wait() {
    let history = SendHistory::default().after_send(&strict(), &message(true, Requester::Anonymous), at(0));
    assert!(history.is_cooling_down(&strict(), Requester::Anonymous, at(1)));
    assert!(!history.is_cooling_down(&strict(), Requester::Authenticated, at(1)));
}

#[test]
fn a_number_is_established_a_day_after_it_was_first_seen_verified() {
    const DAY_LONG: i64 = 24 * 3600;
    let policy = policy();
    let trust = |history: &SendHistory, number, is_verified, now| {
        history.trust_level(&policy, number, is_verified, at(now))
    };
    let verified = message(true, Requester::Authenticated);
    let history = SendHistory::default();
    assert_eq!(trust(&history, "number", true, 0), TrustLevel::Verified);
    let history = history.after_send(&policy, &verified, at(0));
    assert_eq!(trust(&history, "number", true, DAY_LONG - 1), TrustLevel::Verified);
    let history = history.after_send(&policy, &verified, at(DAY_LONG - 1));
    assert_eq!(trust(&history, "number", true, DAY_LONG), TrustLevel::Established);
    assert_eq!(trust(&history, "number", false, DAY_LONG), TrustLevel::Unverified);
    assert_eq!(trust(&history, "other", true, DAY_LONG), TrustLevel::Verified);

    let change = SentMessage { destination: "other", is_verified: false, ..verified };
    let history = history.after_send(&policy, &change, at(DAY_LONG));
    assert_eq!(trust(&history, "number", true, DAY_LONG), TrustLevel::Established, "still theirs");
    let history = history.after_send(&policy, &message(false, Requester::Authenticated), at(DAY_LONG));
    assert_eq!(trust(&history, "number", true, DAY_LONG), TrustLevel::Verified, "lost it in between");
}

#[test]
fn codes_to_an_unverified_number_are_owed_until_it_is_verified() {
    let policy = policy();
    let unverified = message(false, Requester::Anonymous);
    let owed = |codes| Some(UnverifiedCodes { destination: "number".into(), day: DAY, codes });
    let history = SendHistory::default().after_send(&policy, &unverified, at(0));
    assert_eq!(history.unverified_codes, owed(1));
    let history = history.after_send(&policy, &unverified, at(60));
    assert_eq!(history.unverified_codes, owed(2));
    let other = SentMessage { destination: "other", is_verified: true, ..unverified };
    assert_eq!(history.after_send(&policy, &other, at(90)).unverified_codes, owed(2));
    assert_eq!(
        history.after_send(&policy, &message(true, Requester::Authenticated), at(90)).unverified_codes,
        None
    );
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The requester, the destination, and whether it is verified.
    Ask(Requester, &'static str, bool),
    /// The user enters a code.
    Settle,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let requester =
        prop::sample::select(vec![Requester::Anonymous, Requester::Authenticated, Requester::System]);
    let destination = prop::sample::select(vec!["number", "other"]);
    let wait = prop_oneof![0..70_i64, 100..130_i64, 800..1_000_i64, 80_000..90_000_i64];
    let step = prop_oneof![
        6 => (requester, destination, prop::bool::weighted(0.8))
            .prop_map(|(requester, to, is_verified)| Step::Ask(requester, to, is_verified)),
        1 => Just(Step::Settle),
        4 => wait.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    /// Checks any order of requests that the cool-down allows. Each kind of requester has a separate
    /// streak. No requester waits for ever or because of a notice. A destination is established after a
    /// day without an unverified request. Every code to an unverified destination is owed.
    #[test]
    fn no_history_gets_around_a_wait_or_into_the_reserve(steps in steps()) {
        let policy = strict();
        let (mut history, mut now) = (SendHistory::default(), 0);
        // For each kind of requester, the times of its messages since a code was entered.
        let mut rows: [Vec<i64>; 2] = Default::default();
        // For each destination, since when it was only seen verified, and the codes owed today.
        let (mut verified, mut owed) = (BTreeMap::new(), BTreeMap::new());
        for step in steps {
            let (requester, destination, is_verified) = match step {
                Step::Wait(seconds) => { now += seconds; continue }
                Step::Settle => {
                    history.completed_at = Some(at(now));
                    rows = Default::default();
                    // A message at the very moment of a sign-in counts as sent before it.
                    now += 1;
                    continue;
                }
                Step::Ask(requester, destination, is_verified) => (requester, destination, is_verified),
            };
            let streak = match requester { Requester::Anonymous => 0, Requester::Authenticated => 1, Requester::System => 2 };
            let is_early = |before: &i64| now - before < 60;
            let is_held_off = history.is_cooling_down(&policy, requester, at(now));
            if let Some(left) = history.cool_down_left(&policy, requester, at(now)) {
                prop_assert!(left <= SignedDuration::from_secs(900), "the wait is too long: {left:?}");
            }
            match rows.get(streak).and_then(|streak| streak.last()) {
                Some(last) => prop_assert!(is_held_off || !is_early(last)),
                None => prop_assert!(!is_held_off, "nothing was sent to wait for"),
            }
            let trust = history.trust_level(&policy, destination, is_verified, at(now));
            let since = verified.get(destination).filter(|since| now - **since >= 24 * 3600);
            prop_assert_eq!(is_verified, trust > TrustLevel::Unverified);
            prop_assert!(trust < TrustLevel::Established || since.is_some(), "not for a day");
            if is_held_off { continue }

            let message = SentMessage { destination, ..message(is_verified, requester) };
            let after = history.after_send(&policy, &message, at(now));
            prop_assert_eq!(after.version, history.version + 1);
            if requester == Requester::System {
                let rows = |of: &SendHistory| (of.anonymous.clone(), of.authenticated.clone());
                prop_assert_eq!(rows(&after), rows(&history));
            }
            history = after;
            if let Some(streak) = rows.get_mut(streak) { streak.push(now) }
            if is_verified {
                verified.entry(destination).or_insert(now);
                owed.remove(destination);
            } else {
                verified.remove(destination);
                *owed.entry(destination).or_insert(0) += 1;
                let unverified_codes = history.unverified_codes.as_ref().filter(|unverified_codes| unverified_codes.destination == destination);
                prop_assert!(unverified_codes.is_some_and(|unverified_codes| unverified_codes.codes >= 1), "owed");
            }
            if let Some(unverified_codes) = &history.unverified_codes {
                let owed = owed.get(unverified_codes.destination.as_str()).copied().unwrap_or_default();
                prop_assert!((1..=owed).contains(&unverified_codes.codes), "{unverified_codes:?} of {owed}");
            }
        }
    }

    /// A streak of messages without an entered code waits 60 s, then twice as long each time, up to the
    /// maximum.
    #[test]
    fn a_streak_doubles_its_wait_each_time(late in prop::collection::vec(0..30_i64, 1..12)) {
        let policy = strict();
        let (mut history, mut now, mut expected) = (SendHistory::default(), 0, 0);
        for late in late {
            prop_assert_eq!(history.is_cooling_down(&policy, Requester::Authenticated, at(now + expected - 1)), expected > 0);
            prop_assert!(!history.is_cooling_down(&policy, Requester::Authenticated, at(now + expected)));
            now += expected + late;
            history = history.after_send(&policy, &message(true, Requester::Authenticated), at(now));
            // After waiting for the maximum, a new streak begins.
            expected = if expected == 0 || expected + late >= 900 { 60 } else { (expected * 2).min(900) };
        }
    }
}
