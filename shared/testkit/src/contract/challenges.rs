use std::collections::BTreeSet;

use futures::{StreamExt as _, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use shared::{
    custom_auth::{
        Act, Answer, Answered, Challenges, CodeHash, Comparison, Kept, MOST_SENDINGS, NAME_ONLY_TOTP_TRIES,
        NAME_ONLY_TOTP_WINDOW, Nonce, Opening, Pass, Place, Proof, Proved, Proven, Record, Redeemed,
        Redemption, STRIKES_TO_LOCK, Seat, Spends, Strike,
    },
    factors::{
        FriendlyDeviceName,
        own::{Authenticator, Change, FactorId, OwnFactorStore, SealedSeed},
    },
    kernel::{OwnFactor, UserId},
};

use super::{RACING, user};

const CLIENT: &str = "client";
const BY_NAME: Seat = Seat { is_by_name: true, index: 0 };
const PROVEN: Seat = Seat { is_by_name: false, index: 0 };

/// Sign-ins as in [`Challenges`] promised. `factors` keeps the factors of the same users.
pub async fn challenges(port: &dyn Challenges, factors: &dyn OwnFactorStore) {
    seats(port).await;
    rounds(port).await;
    comparisons(port).await;
    limits(port).await;
    proofs(port, factors).await;
    redemptions(port, factors).await;
    evictions(port).await;
    guesses_by_name(port, factors).await;
    enrolments(port, factors).await;
}

/// A sign-in that proved something takes a taken seat, if the one that has it is the one that was seen.
async fn evictions(port: &dyn Challenges) {
    let alex = user("evicts-alex");
    let first_one = first(&alex, 1, Act::Choose(OwnFactor::Totp));
    taken(port, &first_one).await;
    let newer = |number, evicts: Option<usize>| Answer {
        opening: Some(Opening::Proven { evicts: evicts.map(nonce) }),
        now: after(1),
        ..first(&alex, number, Act::Choose(OwnFactor::Totp))
    };
    refused(port, &newer(2, None), "the seat is taken").await;
    refused(port, &newer(2, Some(9)), "by another sign-in than the one that was seen").await;
    let racing: Vec<_> = (2..2 + RACING).map(|number| newer(number, Some(1))).collect();
    let outcomes = join_all(racing.iter().map(|answer| port.answer(answer))).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Answered::Taken(_)))).count();
    assert_eq!(won, 1, "of {RACING} racing evictions one is done");
    refused(port, &later(&first_one, 3, compare(Some(3))), "the evicted sign-in is over").await;
}

/// Wrong authenticator codes by name are compared so often in a window, and no more.
async fn guesses_by_name(port: &dyn Challenges, factors: &dyn OwnFactorStore) {
    let alex = user("guesses-alex");
    let guess = |number: usize, seconds: i64, opens_totp_window| Answer {
        seat: BY_NAME,
        now: after(seconds),
        until: after(seconds),
        opening: Some(Opening::ByName { day: 1, is_first: number == 0, most: 1_000 }),
        ..first(
            &alex,
            number,
            Act::Compare(Comparison {
                factor: OwnFactor::Totp,
                asked: None,
                most: 5,
                strike: Strike::ByName { not_before: None, opens_totp_window },
            }),
        )
    };
    let tries = usize::try_from(NAME_ONLY_TOTP_TRIES).expect("small");
    let seconds = |number: usize| i64::try_from(number).expect("small");
    taken(port, &guess(0, 0, true)).await;
    refused(port, &guess(1, 1, true), "a window is open").await;
    // A right code takes back its own count and no other.
    let right = guess(1, 1, false);
    taken(port, &right).await;
    assert_eq!(port.prove(&proof(&right, Spends::Nothing)).await.expect("works"), Proved::Done);
    for number in 2..=tries {
        taken(port, &guess(number, seconds(number), false)).await;
    }
    refused(port, &guess(tries + 1, seconds(tries + 1), false), "all tries are used up").await;
    let over = NAME_ONLY_TOTP_WINDOW.as_secs();
    refused(port, &guess(tries + 1, over - 1, true), "the window is open still").await;
    taken(port, &guess(tries + 1, over, true)).await;
    factors.forgive_failures(&alex).await.expect("works");
    let kept = port.read(&Place::User(alex.clone())).await.expect("works");
    assert_eq!((kept.tally.by_name, kept.tally.name_only_totp), (0, None), "forgiven");
}

/// A first authenticator is set up by one write, once, and counts from then on.
async fn enrolments(port: &dyn Challenges, factors: &dyn OwnFactorStore) {
    let alex = user("enrols-alex");
    let compared = first(&alex, 1, compare(None));
    taken(port, &compared).await;
    let id = FactorId::parse(&"e".repeat(32)).expect("an id");
    let authenticator = Authenticator {
        name: FriendlyDeviceName::parse("Authenticator app").expect("a name"),
        seed: SealedSeed::new(vec![1, 2, 3]),
        created_at: now(),
        is_confirmed: true,
    };
    let proven = Proven { password: true, enrolled: true, ..Proven::default() };
    let pass = Pass { client: CLIENT.into(), proven: proven.clone(), is_named: false };
    let enrols = Proof {
        enrols: Some((id.clone(), authenticator.clone())),
        pass: Some(pass),
        forgives_name: false,
        ..proof(&compared, Spends::Step(7))
    };
    let racing = join_all((0..RACING).map(|_| port.prove(&enrols))).await;
    let done = racing.iter().filter(|outcome| matches!(outcome, Ok(Proved::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing enrolments one is done");
    let kept = factors.own_factors(&alex).await.expect("works");
    assert_eq!(kept.authenticators, [(id, authenticator)].into());
    assert_eq!((kept.generation, kept.revision, kept.last_step, kept.had_factor), (1, 1, Some(7), true));
    let asks = Redemption {
        user: alex.clone(),
        client: CLIENT.into(),
        nonce: None,
        groups: BTreeSet::new(),
        now: after(1),
    };
    let redeemed = port.redeem(&asks).await.expect("works");
    assert_eq!(redeemed, Some(Redeemed { proven, at: now() }), "the proof is of the new generation");

    let second = Answer { seat: Seat { index: 1, ..PROVEN }, ..first(&alex, 2, compare(None)) };
    taken(port, &second).await;
    let again = Proof { enrols: enrols.enrols.clone(), generation: 1, ..proof(&second, Spends::Step(8)) };
    assert_eq!(port.prove(&again).await.expect("works"), Proved::Refused, "only a first one");
}

fn now() -> Timestamp {
    Timestamp::from_second(1_767_323_045).expect("a time")
}

fn after(seconds: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(seconds)).expect("in range")
}

fn nonce(number: usize) -> Nonce {
    Nonce::parse(&format!("{number:032x}")).expect("a nonce")
}

/// The first answer of a sign-in that has more than a name.
fn first(user: &UserId, number: usize, act: Act) -> Answer {
    Answer {
        place: Place::User(user.clone()),
        seat: PROVEN,
        nonce: nonce(number),
        client: CLIENT.into(),
        round: 2,
        digest: format!("digest {number}"),
        now: now(),
        until: after(180),
        opening: Some(Opening::Proven { evicts: None }),
        act,
    }
}

/// A later one of the same.
fn later(first: &Answer, round: u32, act: Act) -> Answer {
    Answer { round, digest: format!("{} of {round}", first.digest), opening: None, act, ..first.clone() }
}

fn compare(asked: Option<u32>) -> Act {
    Act::Compare(Comparison { factor: OwnFactor::Totp, asked, most: 5, strike: Strike::Factor })
}

async fn taken(port: &dyn Challenges, answer: &Answer) -> Kept {
    let taken = match port.answer(answer).await.expect("works") {
        Answered::Taken(kept) => Some(kept),
        Answered::Repeated(_) | Answered::Refused => None,
    };
    taken.expect("the answer is taken")
}

async fn refused(port: &dyn Challenges, answer: &Answer, why: &str) {
    assert_eq!(port.answer(answer).await.expect("works"), Answered::Refused, "{why}");
}

fn record<'a>(kept: &'a Kept, answer: &Answer) -> &'a Record {
    kept.record(&answer.nonce).expect("the sign-in's record")
}

async fn seats(port: &dyn Challenges) {
    let alex = user("seats-alex");
    assert_eq!(port.read(&Place::User(alex.clone())).await.expect("works"), Kept::default());
    let racing = (0..RACING).map(|number| first(&alex, number, Act::Choose(OwnFactor::Totp)));
    let racing: Vec<_> = racing.collect();
    let outcomes = join_all(racing.iter().map(|answer| port.answer(answer))).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Answered::Taken(_)))).count();
    assert_eq!(won, 1, "of {RACING} sign-ins one has the seat");

    let next = first(&alex, 100, Act::Choose(OwnFactor::Totp));
    refused(port, &next, "the seat is taken").await;
    taken(port, &Answer { seat: Seat { index: 1, ..PROVEN }, ..next.clone() }).await;
    let later = Answer { now: after(180), until: after(360), ..next };
    taken(port, &later).await;
    assert_eq!(record(&port.read(&later.place).await.expect("works"), &later).until, after(360));

    let apart =
        Answer { place: Place::Apart(nonce(7)), ..first(&alex, 7, Act::Choose(OwnFactor::EmailCode)) };
    taken(port, &apart).await;
    let kept = port.read(&apart.place).await.expect("works");
    assert_eq!(record(&kept, &apart).chosen.map(|chosen| chosen.factor), Some(OwnFactor::EmailCode));
    assert_eq!(port.read(&Place::Nobody { shard: 7 }).await.expect("works"), Kept::default());
}

async fn rounds(port: &dyn Challenges) {
    let alex = user("rounds-alex");
    let chose = first(&alex, 1, Act::Choose(OwnFactor::SmsCode));
    let kept = taken(port, &chose).await;
    let chosen = record(&kept, &chose).chosen.expect("chosen");
    assert_eq!((chosen.factor, chosen.round, chosen.sending), (OwnFactor::SmsCode, 3, 1));
    assert_eq!((chosen.sent_at, chosen.expires_at), (now(), after(180)));
    assert_eq!(port.answer(&chose).await.expect("works"), Answered::Repeated(kept), "the same again");
    let other = Answer { digest: "other".into(), ..chose.clone() };
    refused(port, &other, "a round takes one answer").await;
    let later_opening = later(&chose, 2, Act::Choose(OwnFactor::SmsCode));
    refused(port, &later_opening, "a round takes one answer").await;

    let code = |round, sending, hash: &str| CodeHash {
        user: alex.clone(),
        nonce: nonce(1),
        round,
        sending,
        hash: hash.into(),
    };
    assert!(port.keep_code(&code(3, 1, "first draw")).await.expect("works"));
    assert!(port.keep_code(&code(3, 1, "one")).await.expect("works"), "drawn again");
    assert!(!port.keep_code(&code(3, 2, "two")).await.expect("works"), "not asked for yet");
    assert!(!port.keep_code(&code(4, 1, "one")).await.expect("works"), "another round");
    let foreign = CodeHash { nonce: nonce(2), ..code(3, 1, "one") };
    assert!(!port.keep_code(&foreign).await.expect("works"), "another sign-in");

    let resend = |round, seconds| Answer {
        now: after(seconds),
        until: after(seconds + 180),
        ..later(&chose, round, Act::Resend { asked: 3, not_after: after(seconds - 30) })
    };
    refused(port, &resend(3, 29), "too early").await;
    let kept = taken(port, &resend(4, 30)).await;
    let chosen = record(&kept, &chose).chosen.expect("still chosen");
    assert_eq!((chosen.sending, chosen.sent_at, chosen.expires_at), (2, after(30), after(210)));
    assert!(port.keep_code(&code(3, 2, "two")).await.expect("works"));
    let kept = port.read(&chose.place).await.expect("works");
    let codes = [((3, 1), "one".to_owned()), ((3, 2), "two".to_owned())];
    assert_eq!(record(&kept, &chose).codes, codes.into());
    for sending in 3..=MOST_SENDINGS {
        taken(port, &resend(2 + sending, 60 * i64::from(sending))).await;
    }
    refused(port, &resend(60, 3_600), "enough were sent").await;

    refused(port, &later(&chose, 61, Act::Back { asked: 4 }), "of another round").await;
    let kept = taken(port, &later(&chose, 62, Act::Back { asked: 3 })).await;
    assert_eq!(record(&kept, &chose).chosen, None);
    assert!(!port.keep_code(&code(3, 5, "late")).await.expect("works"), "nobody waits for it");
    let kept = taken(port, &later(&chose, 63, Act::Choose(OwnFactor::EmailCode))).await;
    let chosen = record(&kept, &chose).chosen.expect("chosen anew");
    assert_eq!((chosen.factor, chosen.round, chosen.sending), (OwnFactor::EmailCode, 64, 1));
    refused(
        port,
        &Answer { client: "other".into(), ..later(&chose, 65, Act::Back { asked: 64 }) },
        "another client's",
    )
    .await;
}

async fn comparisons(port: &dyn Challenges) {
    let alex = user("comparisons-alex");
    let chose = first(&alex, 1, Act::Choose(OwnFactor::Totp));
    taken(port, &chose).await;
    let ended = Answer { now: after(180), ..later(&chose, 3, compare(Some(3))) };
    refused(port, &ended, "the code has run out").await;
    refused(port, &later(&chose, 3, compare(Some(4))), "asked in another round").await;
    let racing: Vec<_> = (3..203).map(|round| later(&chose, round, compare(Some(3)))).collect();
    let racing = stream::iter(racing.iter().map(|answer| port.answer(answer))).buffer_unordered(RACING);
    let outcomes: Vec<_> = racing.collect().await;
    let counted = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Answered::Taken(_)))).count();
    assert_eq!(counted, 5, "of 200 comparisons");
    refused(port, &later(&chose, 300, compare(None)), "at once counts as well").await;
    let kept = port.read(&chose.place).await.expect("works");
    assert_eq!(record(&kept, &chose).comparisons, 5);
    assert_eq!(kept.tally.failures, [(OwnFactor::Totp, 5)].into(), "until one is right");
    assert_eq!(kept.tally.by_name, 0, "apart from those by name");
}

async fn limits(port: &dyn Challenges) {
    let alex = user("limits-alex");
    let by_name = |number, seconds, is_first, most| {
        let at_once = Act::Compare(Comparison {
            factor: OwnFactor::Totp,
            asked: None,
            most: 5,
            strike: Strike::ByName { not_before: None, opens_totp_window: is_first },
        });
        Answer {
            seat: BY_NAME,
            now: after(seconds),
            until: after(seconds + 1),
            opening: Some(Opening::ByName { day: 20_455, is_first, most }),
            ..first(&alex, number, at_once)
        }
    };
    taken(port, &by_name(1, 0, true, 3)).await;
    refused(port, &by_name(2, 1, true, 3), "not the first of the day").await;
    taken(port, &by_name(2, 1, false, 3)).await;
    taken(port, &by_name(3, 2, false, 3)).await;
    refused(port, &by_name(4, 3, false, 3), "the day's are used up").await;
    let tomorrow = Opening::ByName { day: 20_456, is_first: true, most: 3 };
    let mut wrong = Answer { opening: Some(tomorrow), ..by_name(5, 4, true, 3) };
    if let Act::Compare(comparison) = &mut wrong.act {
        comparison.strike = Strike::ByName { not_before: Some(after(100)), opens_totp_window: false };
    }
    let kept = taken(port, &wrong).await;
    assert_eq!((kept.tally.by_name, kept.tally.not_before), (4, Some(after(100))));
    assert_eq!((kept.tally.day, kept.tally.begun), (20_456, 1));
    let tomorrow = Opening::ByName { day: 20_456, is_first: false, most: 3 };
    refused(port, &Answer { opening: Some(tomorrow.clone()), ..by_name(6, 99, false, 3) }, "has to wait")
        .await;
    taken(port, &Answer { opening: Some(tomorrow.clone()), ..by_name(6, 100, false, 3) }).await;
    assert_eq!(kept.tally.failures, [].into(), "no factor is any worse for it");

    let known = first(&alex, 10, Act::Choose(OwnFactor::Totp));
    taken(port, &known).await;
    for strike in 0..STRIKES_TO_LOCK {
        let answer = Answer {
            opening: Some(Opening::Proven { evicts: None }),
            now: after(1_000 + i64::from(strike)),
            until: after(1_001 + i64::from(strike)),
            ..first(&alex, 20 + usize::try_from(strike).expect("small"), compare(None))
        };
        taken(port, &answer).await;
    }
    let locked = Answer { now: after(5_000), ..first(&alex, 500, compare(None)) };
    refused(port, &locked, "the factor is locked").await;
    refused(
        port,
        &Answer { opening: Some(tomorrow), ..by_name(7, 5_000, false, 3) },
        "for sign-ins by name as well",
    )
    .await;
    let other = Comparison { factor: OwnFactor::RecoveryCode, asked: None, most: 5, strike: Strike::Factor };
    taken(port, &Answer { act: Act::Compare(other), ..locked }).await;
}

fn proof(answer: &Answer, spends: Spends) -> Proof {
    let user = match &answer.place {
        Place::User(user) => Some(user.clone()),
        Place::Nobody { .. } | Place::Apart(_) => None,
    };
    Proof {
        user: user.expect("a user's"),
        seat: answer.seat,
        nonce: answer.nonce.clone(),
        round: answer.round,
        factor: OwnFactor::Totp,
        generation: 0,
        spends,
        forgives_name: true,
        forgives_all: false,
        enrols: None,
        now: answer.now,
        pass: None,
    }
}

async fn proofs(port: &dyn Challenges, factors: &dyn OwnFactorStore) {
    let alex = user("proofs-alex");
    let compared = first(&alex, 1, compare(None));
    taken(port, &compared).await;
    let right = proof(&compared, Spends::Step(100));
    let unanswered = Proof { round: 9, ..right.clone() };
    assert_eq!(port.prove(&unanswered).await.expect("works"), Proved::Refused);
    let racing = join_all((0..RACING).map(|_| port.prove(&right))).await;
    let done = racing.iter().filter(|outcome| matches!(outcome, Ok(Proved::Done))).count();
    let before = racing.iter().filter(|outcome| matches!(outcome, Ok(Proved::Before))).count();
    assert_eq!((done, before), (1, RACING - 1), "proven once, and no less true when delivered again");
    let kept = port.read(&compared.place).await.expect("works");
    let after_proof = record(&kept, &compared);
    assert_eq!((after_proof.comparisons, after_proof.chosen), (0, None));
    assert_eq!(after_proof.proven, [(2, OwnFactor::Totp)].into());
    assert_eq!(kept.factors.last_step, Some(100));
    assert_eq!(kept.tally.failures, [].into(), "a right answer forgives");

    let again = later(&compared, 4, compare(None));
    taken(port, &again).await;
    assert_eq!(port.prove(&proof(&again, Spends::Step(100))).await.expect("works"), Proved::Refused);
    assert_eq!(port.prove(&proof(&again, Spends::Step(99))).await.expect("works"), Proved::Refused);
    let other_seat = Proof { seat: BY_NAME, ..proof(&again, Spends::Step(101)) };
    assert_eq!(port.prove(&other_seat).await.expect("works"), Proved::Refused);

    let code = shared::factors::own::RecoveryHash::kept("0".repeat(32));
    let change = Change { recovery: Some(BTreeSet::from([code.clone()])), ..Change::default() };
    let seen = factors.own_factors(&alex).await.expect("works").revision;
    factors.change(&alex, seen, &change).await.expect("works");
    let recovery = |hash| Proof { factor: OwnFactor::RecoveryCode, ..proof(&again, Spends::Recovery(hash)) };
    let wrong = shared::factors::own::RecoveryHash::kept("1".repeat(32));
    assert_eq!(port.prove(&recovery(wrong)).await.expect("works"), Proved::Refused);
    assert_eq!(port.prove(&recovery(code)).await.expect("works"), Proved::Done);
    assert_eq!(factors.own_factors(&alex).await.expect("works").recovery, BTreeSet::new(), "used up");

    let third = later(&compared, 6, compare(None));
    taken(port, &third).await;
    let device = shared::factors::own::FactorId::parse(&"a".repeat(32)).expect("an id");
    assert_eq!(port.prove(&proof(&third, Spends::Device(device))).await.expect("works"), Proved::Refused);
    factors.revoke_devices(&alex).await.expect("works");
    let stale = proof(&third, Spends::Nothing);
    assert_eq!(port.prove(&stale).await.expect("works"), Proved::Refused, "begun under another generation");
    assert_eq!(port.prove(&Proof { generation: 1, ..stale }).await.expect("works"), Proved::Done);
}

async fn redemptions(port: &dyn Challenges, factors: &dyn OwnFactorStore) {
    let native = BTreeSet::from([OwnFactor::SmsCode]);
    let proven = Proven { password: true, native, own: [OwnFactor::Totp].into(), enrolled: false };
    let passed = async |user: &UserId, number, is_named| {
        let seat = Seat { index: u8::try_from(number % 3).expect("small"), ..PROVEN };
        let compared = Answer { seat, ..first(user, number, compare(None)) };
        taken(port, &compared).await;
        let pass = Pass { client: CLIENT.into(), proven: proven.clone(), is_named };
        let passed = Proof { pass: Some(pass), ..proof(&compared, Spends::Nothing) };
        assert_eq!(port.prove(&passed).await.expect("works"), Proved::Done);
        let repeated = port.answer(&compared).await.expect("works");
        assert!(matches!(repeated, Answered::Repeated(_)), "although the seat is free: {repeated:?}");
    };
    let asks = |user: &UserId, named: Option<usize>, seconds| Redemption {
        user: user.clone(),
        client: CLIENT.into(),
        nonce: named.map(nonce),
        groups: ["admins".to_owned()].into(),
        now: after(seconds),
    };
    let redeemed = async |asks: Redemption| port.redeem(&asks).await.expect("works");

    let alex = user("redeems-alex");
    assert_eq!(redeemed(asks(&alex, None, 0)).await, None, "nothing was proven");
    passed(&alex, 1, false).await;
    assert_eq!(redeemed(Redemption { client: "other".into(), ..asks(&alex, None, 1) }).await, None);
    assert_eq!(redeemed(asks(&user("redeems-sam"), None, 1)).await, None);
    assert_eq!(redeemed(asks(&alex, Some(2), 1)).await, None, "another sign-in's");
    assert_eq!(redeemed(asks(&alex, None, 16)).await, None, "stale");
    assert_eq!(redeemed(asks(&alex, Some(1), 61)).await, None, "stale, by name");
    let asks_once = asks(&alex, None, 15);
    let racing = join_all((0..RACING).map(|_| port.redeem(&asks_once))).await;
    let won: Vec<_> = racing.into_iter().filter_map(|outcome| outcome.expect("works")).collect();
    let expected = Redeemed { proven: proven.clone(), at: now() };
    assert_eq!(won, std::slice::from_ref(&expected), "one of {RACING} requests for tokens");
    let kept = port.read(&Place::User(alex.clone())).await.expect("works");
    assert_eq!(kept.groups, ["admins".to_owned()].into(), "kept for the next sign-in");
    let last = kept.factors.last_proof.expect("kept");
    assert_eq!((last.at, last.client.as_str(), last.factors), (now(), CLIENT, [OwnFactor::Totp].into()));
    assert_eq!(last.native, [OwnFactor::SmsCode].into());

    let sam = user("redeems-sam");
    passed(&sam, 4, true).await;
    assert_eq!(redeemed(asks(&sam, None, 1)).await, None, "named once, named always");
    assert_eq!(redeemed(asks(&sam, Some(5), 1)).await, None);
    let asks_by_name = asks(&sam, Some(4), 60);
    let racing = join_all((0..RACING).map(|_| port.redeem(&asks_by_name))).await;
    let won = racing.into_iter().filter(|outcome| matches!(outcome, Ok(Some(_)))).count();
    assert_eq!(won, 3, "as often as Cognito delivers one event");
    let kim = user("redeems-kim");
    passed(&kim, 7, true).await;
    assert_eq!(redeemed(asks(&kim, Some(7), 1)).await, Some(expected));
    assert_eq!(redeemed(asks(&kim, Some(7), 12)).await, None, "repeated too late");

    passed(&kim, 8, false).await;
    factors.revoke_devices(&kim).await.expect("works");
    assert_eq!(redeemed(asks(&kim, None, 2)).await, None, "what can prove was changed meanwhile");
}
