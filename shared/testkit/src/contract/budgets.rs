use std::collections::BTreeSet;

use futures::{StreamExt as _, future::join_all, stream};
use jiff::Timestamp;
use mfa_core::delivery::{
    Channel,
    toll_fraud::{
        BudgetCounter, BudgetCounts, BudgetLimits, BudgetRefusal, BudgetScope, Budgets, CounterIncrement,
        Credit, IncrementOutcome, LastSend, Reservation, SendHistory, TrustLevel, UnverifiedCodes,
    },
};

use super::{RACING, user};
use crate::next_delivery;

fn is_counted(outcome: IncrementOutcome) -> bool {
    outcome == IncrementOutcome::Counted
}

/// Checks that racing increments never pass a limit. Codes that are given back or paid back make room again.
pub async fn budgets(port: &dyn Budgets) {
    use TrustLevel::{Established, Unverified, Verified};
    const ROOMY: BudgetLimits =
        BudgetLimits { per_hour: 900, per_day: 900, open_per_hour: 900, open_per_day: 900, unverified: 900 };
    let day = jiff::civil::date(2026, 3, 1);
    let (channel, scope) = (Channel::Sms, BudgetScope::Country);
    let counter = |name: &str| BudgetCounter { channel, scope, name: name.into(), shard: 0, day };
    let increment = |name: &str, trust, limits| CounterIncrement {
        counter: counter(name),
        hour: 9,
        trust,
        limits,
        seen: None,
    };
    let charge_one = async |increment: &CounterIncrement| {
        let nobody = user("codes-nobody");
        let increments = std::slice::from_ref(increment);
        let reservation = Reservation { user: &nobody, channel: Channel::Sms, history: None, increments };
        let booked = port.reserve(&reservation).await.expect("works");
        assert!(booked.swapped.expect("works"), "there is nothing to swap");
        booked.increments.into_iter().next().expect("an outcome for each charge").expect("works")
    };
    let taken_of = async |racing, increment: &CounterIncrement| {
        let racing = stream::iter((0..racing).map(|index: usize| async move {
            // The counts seen before change the way of the write, not its result.
            let some = BudgetCounts { day: 1, open_day: 1, hour: 1, open_hour: 1, unverified: 1 };
            let seen =
                [None, Some(BudgetCounts::default()), Some(some)].into_iter().cycle().nth(index).flatten();
            charge_one(&CounterIncrement { seen, ..increment.clone() }).await
        }));
        let outcomes: Vec<_> = racing.buffer_unordered(RACING).collect().await;
        let refused: BTreeSet<_> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                IncrementOutcome::Counted => None,
                IncrementOutcome::Refused(refused) => Some(format!("{refused:?}")),
            })
            .collect();
        (outcomes.iter().filter(|outcome| is_counted(**outcome)).count(), refused.into_iter().next())
    };
    let taken = async |increment: &CounterIncrement| taken_of(20, increment).await;
    let used_up = || Some("UsedUp".to_owned());

    let standings = [Unverified, Verified, Established];
    for (name, trust) in ["AA", "AB", "AC"].into_iter().zip(standings) {
        let by_hour = increment(name, trust, BudgetLimits { per_hour: 7, ..ROOMY });
        assert_eq!(taken_of(200, &by_hour).await, (7, used_up()), "of 200 in an hour, {trust:?}");
        let next_hour =
            CounterIncrement { hour: 10, limits: BudgetLimits { per_day: 12, ..ROOMY }, ..by_hour.clone() };
        assert_eq!(taken(&next_hour).await, (5, used_up()), "an hour later, the day's rest");
        port.release_increment(&next_hour).await.expect("works");
        assert_eq!(taken(&next_hour).await, (1, used_up()), "what is given back is there again");
        let other_shard = BudgetCounter { shard: 1, ..by_hour.counter.clone() };
        let next_day = BudgetCounter { day: jiff::civil::date(2026, 3, 2), ..by_hour.counter.clone() };
        let other_channel = BudgetCounter { channel: Channel::Email, ..by_hour.counter.clone() };
        let other_scope = BudgetCounter { scope: BudgetScope::NumberPrefix, ..by_hour.counter.clone() };
        for counter in [other_shard, next_day, other_channel, other_scope] {
            let other = CounterIncrement { counter, ..by_hour.clone() };
            assert_eq!(charge_one(&other).await, IncrementOutcome::Counted, "counters do not share");
        }
    }

    let open = BudgetLimits { per_hour: 10, open_per_hour: 4, ..ROOMY };
    assert_eq!(taken(&increment("AD", Verified, open)).await, (4, used_up()));
    assert_eq!(taken(&increment("AD", Unverified, open)).await, (0, used_up()));
    assert_eq!(taken(&increment("AD", Established, open)).await, (6, used_up()), "the reserve");
    let open = BudgetLimits { per_day: 10, open_per_day: 3, ..ROOMY };
    assert_eq!(taken(&increment("AE", Established, open)).await, (10, used_up()), "and all of it");

    let unverified = increment("AF", Unverified, BudgetLimits { unverified: 7, ..ROOMY });
    let nothing_verified = || Some("NothingVerified".to_owned());
    assert_eq!(taken(&unverified).await, (7, nothing_verified()));
    assert_eq!(taken(&increment("AF", Verified, ROOMY)).await, (20, None), "met by floods only");
    port.release_increment(&unverified).await.expect("works");
    assert_eq!(taken(&unverified).await, (1, nothing_verified()));
    let repay = async |codes, max_credit| {
        let credit = Credit { counter: unverified.counter.clone(), codes, max_credit };
        port.credit(&credit).await.expect("works");
    };
    repay(3, 2).await;
    assert_eq!(taken(&unverified).await, (3, nothing_verified()), "paid back");
    repay(9, 2).await;
    assert_eq!(taken(&unverified).await, (9, nothing_verified()), "credit up to its most");
    repay(10, 2).await;
    assert_eq!(taken(&unverified).await, (0, nothing_verified()), "and not beyond");
    assert_eq!(charge_one(&unverified).await, IncrementOutcome::Refused(BudgetRefusal::NothingVerified));
    let nowhere = BudgetCounter { name: "AG".into(), ..unverified.counter.clone() };
    port.credit(&Credit { counter: nowhere.clone(), codes: 5, max_credit: 9 }).await.expect("works");
    let nowhere = CounterIncrement { counter: nowhere, ..unverified };
    assert_eq!(taken(&nowhere).await.0, 7, "where nothing was sent, nothing is earned");
    for (name, none) in [
        ("AH", BudgetLimits { per_day: 0, ..ROOMY }),
        ("AI", BudgetLimits { per_hour: 0, ..ROOMY }),
        ("AJ", BudgetLimits { open_per_day: 0, ..ROOMY }),
        ("AK", BudgetLimits { open_per_hour: 0, ..ROOMY }),
        ("AL", BudgetLimits { unverified: 0, ..ROOMY }),
    ] {
        assert_eq!(taken(&increment(name, Unverified, none)).await.0, 0, "nothing is not one: {name}");
    }
}

/// Checks that the parts of a reservation are independent: one refused part keeps no other from being
/// written. Of racing bookings one swaps the history, and all are counted.
pub async fn bookings(port: &dyn Budgets) {
    const ONE: BudgetLimits =
        BudgetLimits { per_hour: 1, per_day: 1, open_per_hour: 1, open_per_day: 1, unverified: 1 };
    const MANY: BudgetLimits =
        BudgetLimits { per_hour: 900, per_day: 900, open_per_hour: 900, open_per_day: 900, unverified: 900 };
    let (alex, channel, day) = (user("booked-alex"), Channel::Sms, jiff::civil::date(2026, 3, 1));
    let increment = |scope, limits, seen| CounterIncrement {
        counter: BudgetCounter { channel, scope, name: "booked".into(), shard: 0, day },
        hour: 9,
        trust: TrustLevel::Verified,
        limits,
        seen,
    };
    let increments = [
        increment(BudgetScope::User, MANY, None),
        increment(BudgetScope::Destination, ONE, None),
        increment(BudgetScope::Country, ONE, Some(BudgetCounts::default())),
        increment(BudgetScope::All, MANY, Some(BudgetCounts::default())),
    ];
    let at = |second| {
        let at = Timestamp::from_second(second).expect("a time");
        Some(LastSend { at, streak: 1, delivery: None })
    };
    let empty = SendHistory::default();
    let first = SendHistory { version: 1, anonymous: at(10), completed_at: None, ..empty.clone() };
    let verified = Some(("hash".to_owned(), Timestamp::UNIX_EPOCH));
    let second =
        SendHistory { version: 2, authenticated: at(20), anonymous: None, verified, ..first.clone() };
    for (round, (before, after)) in [(&empty, &first), (&first, &second)].into_iter().enumerate() {
        let reservation =
            Reservation { user: &alex, channel, history: Some((before, after)), increments: &increments };
        let racing = join_all((0..RACING).map(|_| port.reserve(&reservation))).await;
        let booked: Vec<_> = racing.into_iter().map(|booked| booked.expect("works")).collect();
        let swaps = booked.iter().filter(|booked| *booked.swapped.as_ref().expect("works")).count();
        assert_eq!(swaps, 1, "of {RACING} from one state");
        assert_eq!(port.history(&alex, channel).await.expect("works"), *after);
        let counted = |index: usize| {
            let outcomes = booked.iter().filter_map(|booked| booked.increments.get(index));
            outcomes.filter(|outcome| is_counted(*outcome.as_ref().expect("works"))).count()
        };
        let once = usize::from(round == 0);
        assert_eq!([0, 1, 2, 3].map(counted), [RACING, once, once, RACING]);
    }
    let counters = increments.map(|increment| increment.counter);
    let elsewhere = counters.clone().map(|counter| BudgetCounter { shard: 1, ..counter });
    let all = [counters, elsewhere].concat();
    let (history, seen) = port.read(&alex, channel, 9, &all).await.expect("works");
    assert_eq!(history, second);
    let counts =
        |all| Some(BudgetCounts { day: all, open_day: all, hour: all, open_hour: all, unverified: 0 });
    assert_eq!(seen, [counts(100), counts(1), counts(1), counts(100), None, None, None, None]);
    let first = all.get(..1).expect("some");
    let (_, seen) = port.read(&user("booked-sam"), channel, 10, first).await.expect("works");
    let day = BudgetCounts { hour: 0, open_hour: 0, ..counts(100).expect("counts") };
    assert_eq!(seen, [Some(day)], "of another hour");
}

/// Checks that a history is read as it was written, and that one of racing changes succeeds. The count of
/// unverified codes is taken once.
pub async fn history(port: &dyn Budgets) {
    let (alex, sms) = (user("codes-alex"), Channel::Sms);
    let kept = async || port.history(&alex, sms).await.expect("works");
    let empty = SendHistory::default();
    let at = |second| Timestamp::from_second(second).expect("a time");
    assert_eq!(kept().await, empty);
    assert_eq!(port.record_completion(&alex, sms, at(1), true).await.expect("works"), None);
    assert_eq!(kept().await, empty, "nothing was sent: nothing is kept");

    let first = SendHistory {
        version: 1,
        anonymous: Some(LastSend { at: at(10), streak: 1, delivery: None }),
        ..SendHistory::default()
    };
    let won = async |before: &SendHistory, after: &SendHistory| {
        let racing = join_all((0..RACING).map(|_| port.swap_history(&alex, sms, before, after))).await;
        racing.into_iter().filter(|outcome| matches!(outcome, Ok(true))).count()
    };
    assert_eq!(won(&empty, &first).await, 1, "of {RACING} racing first messages one is sent");
    assert_eq!(kept().await, first);
    let unverified_codes =
        UnverifiedCodes { destination: "hash".into(), day: jiff::civil::date(2026, 3, 1), codes: 2 };
    let full = SendHistory {
        version: 2,
        verified: Some(("other".into(), at(5))),
        anonymous: Some(LastSend { at: at(70), streak: 2, delivery: Some(next_delivery()) }),
        authenticated: Some(LastSend { at: at(80), streak: 3, delivery: Some(next_delivery()) }),
        completed_at: Some(at(60)),
        unverified_codes: Some(unverified_codes.clone()),
    };
    assert_eq!(won(&first, &full).await, 1);
    assert_eq!(kept().await, full);
    assert!(!port.swap_history(&alex, sms, &first, &empty).await.expect("works"), "that was before");

    assert_eq!(
        port.record_completion(&alex, sms, at(90), false).await.expect("works"),
        None,
        "not asked for"
    );
    let racing = join_all((0..RACING).map(|_| port.record_completion(&alex, sms, at(100), true))).await;
    let seen: Vec<_> =
        racing.into_iter().filter_map(|unverified_codes| unverified_codes.expect("works")).collect();
    assert_eq!(seen, [unverified_codes], "taken once");
    let settled = kept().await;
    assert!(settled.version > full.version, "whoever read it before must read again");
    let expected = SendHistory {
        version: settled.version,
        completed_at: Some(at(100)),
        unverified_codes: None,
        ..full.clone()
    };
    assert_eq!(settled, expected);
    assert!(!port.swap_history(&alex, sms, &full, &first).await.expect("works"));
    assert_eq!(port.history(&alex, Channel::Email).await.expect("works"), empty, "a channel each");
    assert_eq!(port.history(&user("codes-sam"), sms).await.expect("works"), empty);
}
