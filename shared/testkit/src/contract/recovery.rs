//! Contract tests of the ports that keep recoveries.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    admin::UserItems,
    assurance::{Evidence, RecordedSignIn, SignInRecords},
    audit::{AdminEvent, AuditAction, AuditEntry, AuditTrail, Authority},
    factors::custom::{Change, CustomFactorStore, CustomFactors, RecoveryHash},
    kernel::{PoolFactor, UserId},
    recovery::{
        CaseKey, PasswordFingerprint,
        case::{Case, CaseSubject, EscalationReason, MailWaitIds, RecoveryStep, RunIds},
        port::{AttemptKind, AttemptLimiter, Cases, RecoveryCodes, RedeemOutcome, SwapOutcome},
    },
};
use serde_json::Value;

use super::{RACING, user};
use crate::SeededEntropy;

fn key(number: u8) -> CaseKey {
    CaseKey::parse(&format!("{number:032x}")).expect("a key")
}

fn now() -> Timestamp {
    Timestamp::from_second(1_767_323_045).expect("a time within range")
}

/// A transition of the state diagram.
type Arrow = Box<dyn Fn(&Case) -> Case>;

/// Checks that a case is read as it was written in each phase, and that one of racing changes succeeds.
pub async fn cases(port: &dyn Cases) {
    let expires_at = now() + SignedDuration::from_mins(30);
    let decoy = Case::open(CaseSubject::Decoy { user: user("unassigned") }, expires_at);
    port.create(&key(1), &decoy).await.expect("works");
    assert_eq!(port.read(&key(1)).await.expect("works"), Some(decoy));
    assert_eq!(port.read(&key(2)).await.expect("works"), None);

    let account = |id, name: &str| CaseSubject::Account {
        user: user(id),
        name: name.to_owned(),
        fingerprint: PasswordFingerprint::from_stored("mark"),
    };
    let mut case = Case::open(account("case-alex", "alex"), expires_at);
    port.create(&key(3), &case).await.expect("works");
    let id = uuid::Uuid::from_u128;
    let ids = RunIds { begun: id(1), ended: id(2), email: id(3), sms: id(4) };
    let mut steps: Vec<Arrow> = vec![
        Box::new(|case| case.compare(now()).expect("open")),
        Box::new(|case| case.proven(now()).expect("open")),
        Box::new(move |case| case.begin([PoolFactor::Totp].into(), ids, now()).expect("proven")),
    ];
    for step in RecoveryStep::ALL {
        let reason = (step == RecoveryStep::PoolFactor).then_some(EscalationReason::StillThere);
        steps.push(Box::new(move |case| case.step_done(reason).expect("worked on")));
    }
    for step in steps {
        let after = step(&case);
        let racing =
            join_all((0..RACING).map(|_| async { port.swap(&key(3), case.revision, &after).await })).await;
        let done = racing.into_iter().filter(|outcome| matches!(outcome, Ok(SwapOutcome::Done))).count();
        assert_eq!(done, 1, "of {RACING} racing changes one is done: {after:?}");
        assert_eq!(port.read(&key(3)).await.expect("works"), Some(after.clone()));
        case = after;
    }
    // The second case goes through a wait.
    let ids = MailWaitIds { noted: id(5), email: id(6), sms: id(7) };
    let mut waiting = Case::open(account("case-kim", "kim"), expires_at);
    port.create(&key(6), &waiting).await.expect("works");
    let hours = SignedDuration::from_hours(72);
    let steps: Vec<Arrow> = vec![
        Box::new(move |case| case.wait(ids, true, "https://api".into(), now()).expect("open")),
        Box::new(move |case| case.owner_notified(hours, now()).expect("untold")),
        Box::new(move |case| case.proven(now() + hours).expect("waited for")),
    ];
    for step in steps {
        let after = step(&waiting);
        let swapped = port.swap(&key(6), waiting.revision, &after).await.expect("works");
        assert_eq!(swapped, SwapOutcome::Done);
        assert_eq!(port.read(&key(6)).await.expect("works"), Some(after.clone()));
        waiting = after;
    }
    let stale = port.swap(&key(3), 1, &case).await.expect("works");
    assert_eq!(stale, SwapOutcome::Overtaken);
    let cancelled = Case::open(CaseSubject::Decoy { user: user("case-sam") }, expires_at);
    port.create(&key(4), &cancelled).await.expect("works");
    let cancelled = cancelled.cancel(now()).expect("open");
    assert_eq!(port.swap(&key(4), 1, &cancelled).await.expect("works"), SwapOutcome::Done);
    assert_eq!(port.read(&key(4)).await.expect("works"), Some(cancelled));
    assert_eq!(port.swap(&key(5), 1, &case).await.expect("works"), SwapOutcome::Overtaken, "there is none");
}

/// Checks that any hour admits exactly the permitted number of racing attempts. The others change nothing.
pub async fn tries(port: &dyn AttemptLimiter) {
    let of = |name: &str| AttemptKind::Password { of: name.to_owned() };
    let after = |minutes| now() + SignedDuration::from_mins(minutes);
    for (attempt, most) in [
        (of("tries-alex"), 5),
        (AttemptKind::Code { of: user("tries-alex") }, 5),
        (AttemptKind::FromAddress { address: "tries-alex".into() }, 20),
    ] {
        let racing = join_all((0..RACING).map(|_| port.admit(&attempt, most, now()))).await;
        let admitted = racing.into_iter().filter(|admitted| *admitted.as_ref().expect("works")).count();
        assert_eq!(admitted, usize::try_from(most).expect("small"), "of {RACING} racing ones");
        assert!(!port.admit(&attempt, most, after(59)).await.expect("works"));
        assert!(port.admit(&attempt, most, after(60)).await.expect("works"), "an hour later");
    }
    // The limit holds for any hour, not for the clock's hours.
    for minute in [0, 50, 52, 54, 56] {
        assert!(port.admit(&of("tries-sam"), 5, after(minute)).await.expect("works"), "{minute}");
    }
    assert!(!port.admit(&of("tries-sam"), 5, after(59)).await.expect("works"));
    assert!(port.admit(&of("tries-sam"), 5, after(60)).await.expect("works"), "the first is an hour old");
    assert!(!port.admit(&of("tries-sam"), 5, after(61)).await.expect("works"), "the others are not");
}

/// Checks that a recovery code is used up once, for one case. The same code repeated for that case has the
/// same result.
pub async fn recovery_codes(port: &dyn RecoveryCodes, store: &dyn CustomFactorStore) {
    let alex: UserId = user("spend-alex");
    let hash = |number: usize| RecoveryHash::from_stored(format!("hash-{number}"));
    let hashes = (0..3).map(hash).collect();
    let change = Change { recovery: Some(hashes), ..Change::default() };
    store.change(&alex, 0, &change).await.expect("works");
    let keys: Vec<_> = (10_u8..60).map(key).collect();
    let code = hash(0);
    let racing = join_all(keys.iter().map(|key| port.redeem(&alex, &code, key))).await;
    let won: Vec<_> = racing
        .iter()
        .zip(&keys)
        .filter(|(outcome, _)| *outcome.as_ref().expect("works") == RedeemOutcome::Done)
        .map(|(_, key)| key)
        .collect();
    assert_eq!(won.len(), 1, "of {RACING} racing cases one has the code");
    let winner = won.first().expect("one has");
    assert_eq!(port.redeem(&alex, &code, winner).await.expect("works"), RedeemOutcome::Done, "said again");
    assert_eq!(port.redeem(&alex, &code, &key(99)).await.expect("works"), RedeemOutcome::Unknown);
    assert_eq!(port.redeem(&alex, &hash(7), &key(99)).await.expect("works"), RedeemOutcome::Unknown);
    assert_eq!(
        port.redeem(&user("spend-sam"), &hash(1), &key(99)).await.expect("works"),
        RedeemOutcome::Unknown
    );
    let left = store.custom_factors(&alex).await.expect("works");
    assert_eq!(left.recovery, [hash(1), hash(2)].into());
    assert_eq!(store.custom_factors(&user("spend-sam")).await.expect("works"), CustomFactors::default());
}

/// Checks that lines come in order and within their time span. An erased user's items are absent except for
/// the audit trail, and other users' items stay.
pub async fn user_items(port: &dyn UserItems, trail: &dyn AuditTrail, custom: &dyn CustomFactorStore) {
    let (alex, sam) = (user("items-alex"), user("items-sam"));
    let entropy = SeededEntropy::new(9);
    let at = |seconds| now() + SignedDuration::from_secs(seconds);
    for (user, seconds) in [(&alex, 20), (&alex, 0), (&sam, 0), (&alex, 10)] {
        // A look has no reason.
        let is_look = seconds == 10;
        let event = if is_look { AdminEvent::UserViewed } else { AdminEvent::Unlocked };
        let entry = AuditEntry::at(at(seconds), &entropy, user.clone(), AuditAction::Admin { event });
        let mut entry = entry.expect("works");
        entry.by = Some(Authority { user: sam.clone(), reason: (!is_look).then(|| "ticket 17".into()) });
        trail.append(&entry).await.expect("works");
    }
    let times = async |from, until| {
        let lines = port.lines(&alex, at(from), at(until)).await.expect("works");
        lines.iter().map(|line| line["at"].as_str().expect("a time").to_owned()).collect::<Vec<_>>()
    };
    let expected = |seconds: &[i64]| seconds.iter().map(|second| at(*second).to_string()).collect::<Vec<_>>();
    assert_eq!(times(0, 60).await, expected(&[0, 10, 20]));
    assert_eq!(times(10, 20).await, expected(&[10]), "from the first to before the second");
    let lines = port.lines(&alex, at(0), at(20)).await.expect("works");
    let told: Vec<_> =
        lines.iter().map(|line| ["action", "by", "reason"].map(|name| line.get(name))).collect();
    let [unlocked, viewed, by, reason] =
        ["support-unlocked", "support-user-viewed", "items-sam", "ticket 17"].map(Value::from);
    let expected = [[Some(&unlocked), Some(&by), Some(&reason)], [Some(&viewed), Some(&by), None]];
    assert_eq!(told, expected, "who, and why where there is a reason");
    for user in [&alex, &sam] {
        let codes =
            Change { recovery: Some([RecoveryHash::from_stored("hash")].into()), ..Change::default() };
        custom.change(user, 0, &codes).await.expect("works");
    }
    assert_eq!(port.erase(&alex).await.expect("works"), 1);
    assert_eq!(port.erase(&alex).await.expect("works"), 0, "again");
    assert_eq!(custom.custom_factors(&alex).await.expect("works"), CustomFactors::default());
    assert_eq!(times(0, 60).await.len(), 3, "no function erases the trail");
    assert_eq!(custom.custom_factors(&sam).await.expect("works").recovery.len(), 1);
}

/// Checks that all records of a second are found. Racing records are all kept, and an identical record is
/// kept once.
pub async fn sign_in_records(port: &dyn SignInRecords) {
    let (alex, sam) = (user("recorded-alex"), user("recorded-sam"));
    let at = |seconds| now() + SignedDuration::from_secs(seconds);
    let sign_in = |seconds, client: &str, level| RecordedSignIn {
        at: at(seconds),
        client: client.to_owned(),
        evidence: Evidence { level, second_factor_at: (level > 1).then(|| at(seconds - 3)) },
    };
    let all = [
        sign_in(0, "one", 1),
        sign_in(0, "one", 2),
        sign_in(0, "other", 2),
        sign_in(60, "one", 2),
        sign_in(61, "one", 2),
        sign_in(-1, "one", 1),
    ];
    let racing = all.iter().chain(&all).map(|sign_in| port.record(&alex, sign_in));
    for recorded in join_all(racing).await {
        recorded.expect("works");
    }
    port.record(&sam, &sign_in(5, "one", 1)).await.expect("works");
    let recorded = async |from, until| {
        let mut recorded = port.recorded(&alex, at(from), at(until)).await.expect("works");
        recorded.sort_by_key(|recorded| (recorded.at, recorded.client.clone(), recorded.evidence.level));
        recorded
    };
    let expected =
        [sign_in(0, "one", 1), sign_in(0, "one", 2), sign_in(0, "other", 2), sign_in(60, "one", 2)];
    assert_eq!(recorded(0, 60).await, expected);
    assert_eq!(recorded(-1, -1).await, [sign_in(-1, "one", 1)]);
    assert_eq!(recorded(1, 59).await, []);
}
