use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    config::Policy,
    sign_in::{Attempt, BackOff, History, SignInHistory, SignInLedger, Subject},
    sign_up::{ConfirmedUsers, Recorded},
};

use super::{RACING, user};

/// Checks that exactly one of racing and repeated confirmations is the first.
pub async fn confirmed_users(port: &dyn ConfirmedUsers) {
    let now = Timestamp::UNIX_EPOCH;
    let (alex, sam) = (user("confirmed-alex"), user("confirmed-sam"));
    let racing = join_all((0..RACING).map(|_| port.record(&alex, now))).await;
    let first = racing.into_iter().filter(|outcome| matches!(outcome, Ok(Recorded::First))).count();
    assert_eq!(first, 1, "of {RACING} racing confirmations one is the first");
    assert_eq!(port.record(&alex, now).await.expect("works"), Recorded::Before);
    assert_eq!(port.record(&sam, now).await.expect("works"), Recorded::First, "users do not share");
}

/// Checks that racing attempts see different numbers. A completed sign-in and a reset start the count anew.
pub async fn sign_in_ledger(port: &dyn SignInLedger) {
    let now = Timestamp::UNIX_EPOCH;
    let alex = user("ledger-alex");
    let subject = Subject::User(alex.clone());
    let racing = join_all((0..RACING).map(|_| port.count_attempt(&subject, now))).await;
    let seen: BTreeSet<u32> = racing.into_iter().map(|outcome| outcome.expect("works")).collect();
    assert_eq!(seen, (1..=50).collect(), "each of {RACING} racing attempts has a number of its own");

    let unknown = Subject::Unknown { shard: 7 };
    assert_eq!(port.count_attempt(&unknown, now).await.expect("works"), 1, "subjects do not share");
    assert_eq!(port.count_attempt(&Subject::Unknown { shard: 8 }, now).await.expect("works"), 1);
    assert_eq!(port.count_attempt(&unknown, now).await.expect("works"), 2);

    port.complete(&alex, now).await.expect("works");
    assert_eq!(port.count_attempt(&subject, now).await.expect("works"), 1);
    assert_eq!(port.count_attempt(&subject, now).await.expect("works"), 2);
    port.reset(&alex).await.expect("works");
    assert_eq!(port.count_attempt(&subject, now).await.expect("works"), 1);
}

/// Checks that the ledger's notes are read back in whole seconds, and that later notes lose none of them.
pub async fn sign_in_history<P: SignInLedger + SignInHistory>(port: &P) {
    let alex = user("history-alex");
    let at = |second, part| Timestamp::new(second, part).expect("a time");
    assert_eq!(port.history(&alex).await.expect("works"), History::default());
    let attempt = Subject::User(alex.clone());
    port.count_attempt(&attempt, at(900, 0)).await.expect("works");
    port.password_reset(&alex, at(1_000, 500_000_000)).await.expect("works");
    assert_eq!(port.count_attempt(&attempt, at(1_001, 0)).await.expect("works"), 1, "the count begins anew");
    port.complete(&alex, at(2_000, 0)).await.expect("works");
    port.reset(&alex).await.expect("works");
    let history = History { signed_in_at: Some(at(2_000, 0)), password_reset_at: Some(at(1_000, 0)) };
    assert_eq!(port.history(&alex).await.expect("works"), history);
    assert_eq!(port.history(&user("history-sam")).await.expect("works"), History::default());
}

/// Checks that racing attempts keep the distance of the back-off, and that a refused attempt changes nothing.
pub async fn back_off(port: &dyn SignInLedger) {
    let back_off = BackOff::of(&Policy::default().sign_in);
    let start = Timestamp::from_second(1_767_323_045).expect("a time within range");
    let after = |seconds| start.saturating_add(SignedDuration::from_secs(seconds)).expect("in range");
    let (user, unknown) =
        (Subject::User(user("back-off-alex")), Subject::UnknownName { hash: "back-off-hash".into() });
    for subject in [user.clone(), unknown] {
        let attempt = async |at| port.attempt(&subject, &back_off, at).await.expect("works");
        let racing = join_all((0..RACING).map(|_| port.attempt(&subject, &back_off, start))).await;
        let counted: BTreeSet<u32> = racing
            .into_iter()
            .filter_map(|outcome| match outcome.expect("works") {
                Attempt::Counted(attempts) => Some(attempts),
                Attempt::Refused => None,
            })
            .collect();
        assert_eq!(counted, (1..=5).collect(), "of {RACING} racing attempts the free ones are counted");
        // The pauses after the last counted attempt are 1, 2, 4, … 512, 900, 900 s, to the second.
        let mut now = 0;
        for (attempts, wait) in (6..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
            for early in [0, wait / 2, wait - 1] {
                assert_eq!(attempt(after(now + early)).await, Attempt::Refused, "{attempts}, {early} s");
            }
            let racing = join_all((0..RACING).map(|_| port.attempt(&subject, &back_off, after(now + wait))));
            let outcomes: Vec<_> = racing.await.into_iter().map(|outcome| outcome.expect("works")).collect();
            let counted = outcomes.iter().filter(|outcome| **outcome == Attempt::Counted(attempts)).count();
            assert_eq!(counted, 1, "{attempts} after {wait} s: {outcomes:?}");
            assert_eq!(outcomes.iter().filter(|outcome| **outcome == Attempt::Refused).count(), RACING - 1);
            now += wait;
        }
        // After a window without a counted attempt, the count starts anew.
        assert_eq!(attempt(after(now + 899)).await, Attempt::Refused);
        for attempts in 1..=5 {
            assert_eq!(attempt(after(now + 3_600)).await, Attempt::Counted(attempts));
        }
        assert_eq!(attempt(after(now + 3_600)).await, Attempt::Refused);
    }
    let Subject::User(alex) = &user else { unreachable!("it is a user") };
    let late = after(10_000);
    for start_anew in 0..2 {
        while port.attempt(&user, &back_off, late).await.expect("works") != Attempt::Refused {}
        match start_anew {
            0 => port.complete(alex, late).await.expect("works"),
            _ => port.reset(alex).await.expect("works"),
        }
        assert_eq!(port.attempt(&user, &back_off, late).await.expect("works"), Attempt::Counted(1));
    }
    // Attempts that were only counted hold back later ones as soon as attempts are refused.
    let counted = Subject::User(self::user("back-off-sam"));
    for _ in 0..7 {
        port.count_attempt(&counted, late).await.expect("works");
    }
    assert_eq!(port.attempt(&counted, &back_off, late).await.expect("works"), Attempt::Refused);
}
