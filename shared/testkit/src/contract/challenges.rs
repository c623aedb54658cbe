use std::collections::BTreeSet;

use futures::{StreamExt as _, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    custom_auth::{
        Proven,
        port::{
            AnswerAction, AnswerOutcome, AnswerWrite, Challenges, CodeHash, Comparison, ConsumedCredential,
            FAILURES_TO_LOCK, FailureScope, GrantRedemption, MAX_SEND_ATTEMPTS, NAME_ONLY_TOTP_ATTEMPTS,
            NAME_ONLY_TOTP_WINDOW, Proof, ProofOutcome, RedeemedGrant, SlotClaim, StateKey, TokenGrant,
        },
        round_state::{ChallengeSlot, Nonce, SlotKind},
        state::{ChallengeState, UserSignInState},
    },
    factors::{
        custom::{Authenticator, Change, CustomFactorStore, FactorId, SealedSeed},
        enrolment::FriendlyDeviceName,
    },
    kernel::{CustomFactor, UserId},
};

use super::{RACING, user};

const CLIENT: &str = "client";
const BY_NAME: ChallengeSlot = ChallengeSlot { kind: SlotKind::NameOnly, index: 0 };
const PROVEN: ChallengeSlot = ChallengeSlot { kind: SlotKind::Identified, index: 0 };

/// Checks the promises of [`Challenges`]. `factors` keeps the custom factors of the same users.
pub async fn challenges(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
    slots(port).await;
    rounds(port).await;
    comparisons(port).await;
    limits(port).await;
    proofs(port, factors).await;
    passkey_proofs(port, factors).await;
    redemptions(port, factors).await;
    evictions(port).await;
    guesses_by_name(port, factors).await;
    enrolments(port, factors).await;
}

/// Checks that a sign-in with a proof takes an occupied slot only from the sign-in that it has seen there.
async fn evictions(port: &dyn Challenges) {
    let alex = user("evicts-alex");
    let first_one = first(&alex, 1, AnswerAction::Choose(CustomFactor::Totp));
    taken(port, &first_one).await;
    let newer = |number, evicts: Option<usize>| AnswerWrite {
        claim: Some(SlotClaim::Identified { evicts: evicts.map(nonce) }),
        now: after(1),
        ..first(&alex, number, AnswerAction::Choose(CustomFactor::Totp))
    };
    refused(port, &newer(2, None), "the slot is taken").await;
    refused(port, &newer(2, Some(9)), "by another sign-in than the one that was seen").await;
    let racing: Vec<_> = (2..2 + RACING).map(|number| newer(number, Some(1))).collect();
    let outcomes = join_all(racing.iter().map(|answer| port.answer(answer))).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(AnswerOutcome::Taken(_)))).count();
    assert_eq!(won, 1, "of {RACING} racing evictions one is done");
    refused(port, &later(&first_one, 3, compare(Some(3))), "the evicted sign-in is over").await;
}

/// Checks the limit on authenticator codes compared by name in one window.
async fn guesses_by_name(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
    let alex = user("guesses-alex");
    let guess = |number: usize, seconds: i64, opens_totp_window| AnswerWrite {
        slot: BY_NAME,
        now: after(seconds),
        until: after(seconds),
        claim: Some(SlotClaim::NameOnly { day: 1, is_first: number == 0, most: 1_000 }),
        ..first(
            &alex,
            number,
            AnswerAction::Compare(Comparison {
                factor: CustomFactor::Totp,
                asked: None,
                most: 5,
                failure_scope: FailureScope::NameOnly { not_before: None, opens_totp_window },
            }),
        )
    };
    let tries = usize::try_from(NAME_ONLY_TOTP_ATTEMPTS).expect("small");
    let seconds = |number: usize| i64::try_from(number).expect("small");
    taken(port, &guess(0, 0, true)).await;
    refused(port, &guess(1, 1, true), "a window is open").await;
    // A right code takes back its own count only.
    let right = guess(1, 1, false);
    taken(port, &right).await;
    assert_eq!(
        port.prove(&proof(&right, ConsumedCredential::Nothing)).await.expect("works"),
        ProofOutcome::Done
    );
    for number in 2..=tries {
        taken(port, &guess(number, seconds(number), false)).await;
    }
    refused(port, &guess(tries + 1, seconds(tries + 1), false), "all tries are used up").await;
    let over = NAME_ONLY_TOTP_WINDOW.as_secs();
    refused(port, &guess(tries + 1, over - 1, true), "the window is open still").await;
    taken(port, &guess(tries + 1, over, true)).await;
    factors.forgive_failures(&alex).await.expect("works");
    let kept = port.read(&StateKey::User(alex.clone())).await.expect("works");
    assert_eq!((kept.failure_counts.by_name, kept.failure_counts.name_only_totp), (0, None), "forgiven");
}

/// Checks that a first authenticator is set up once, by one write, and counts from then on.
async fn enrolments(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
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
    let grant = TokenGrant { client: CLIENT.into(), proven: proven.clone(), is_named: false };
    let enrols = Proof {
        enrols: Some((id.clone(), authenticator.clone())),
        grant: Some(grant),
        forgives_name: false,
        ..proof(&compared, ConsumedCredential::Step(7))
    };
    let racing = join_all((0..RACING).map(|_| port.prove(&enrols))).await;
    let done = racing.iter().filter(|outcome| matches!(outcome, Ok(ProofOutcome::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing enrolments one is done");
    let kept = factors.custom_factors(&alex).await.expect("works");
    assert_eq!(kept.authenticators, [(id, authenticator)].into());
    assert_eq!((kept.factor_epoch, kept.revision, kept.last_step, kept.had_factor), (1, 1, Some(7), true));
    let asks = GrantRedemption {
        user: alex.clone(),
        client: CLIENT.into(),
        nonce: None,
        groups: BTreeSet::new(),
        now: after(1),
    };
    let redeemed = port.redeem(&asks).await.expect("works");
    assert_eq!(redeemed, Some(RedeemedGrant { proven, at: now() }), "the proof is of the new epoch");

    let second = AnswerWrite { slot: ChallengeSlot { index: 1, ..PROVEN }, ..first(&alex, 2, compare(None)) };
    taken(port, &second).await;
    let again = Proof {
        enrols: enrols.enrols.clone(),
        factor_epoch: 1,
        ..proof(&second, ConsumedCredential::Step(8))
    };
    assert_eq!(port.prove(&again).await.expect("works"), ProofOutcome::Refused, "only a first one");
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

/// Returns the first answer of a sign-in that has more than a name.
fn first(user: &UserId, number: usize, action: AnswerAction) -> AnswerWrite {
    AnswerWrite {
        state_key: StateKey::User(user.clone()),
        slot: PROVEN,
        nonce: nonce(number),
        client: CLIENT.into(),
        round_index: 2,
        digest: format!("digest {number}"),
        now: now(),
        until: after(180),
        claim: Some(SlotClaim::Identified { evicts: None }),
        action,
    }
}

/// Returns a later answer of the same sign-in.
fn later(first: &AnswerWrite, round_index: u32, action: AnswerAction) -> AnswerWrite {
    AnswerWrite {
        round_index,
        digest: format!("{} of {round_index}", first.digest),
        claim: None,
        action,
        ..first.clone()
    }
}

fn compare(asked: Option<u32>) -> AnswerAction {
    AnswerAction::Compare(Comparison {
        factor: CustomFactor::Totp,
        asked,
        most: 5,
        failure_scope: FailureScope::Factor,
    })
}

async fn taken(port: &dyn Challenges, answer: &AnswerWrite) -> UserSignInState {
    let taken = match port.answer(answer).await.expect("works") {
        AnswerOutcome::Taken(kept) => Some(kept),
        AnswerOutcome::Repeated(_) | AnswerOutcome::Refused => None,
    };
    taken.expect("the answer is taken")
}

async fn refused(port: &dyn Challenges, answer: &AnswerWrite, why: &str) {
    assert_eq!(port.answer(answer).await.expect("works"), AnswerOutcome::Refused, "{why}");
}

fn record<'a>(kept: &'a UserSignInState, answer: &AnswerWrite) -> &'a ChallengeState {
    kept.challenge_state(&answer.nonce).expect("the sign-in's record")
}

async fn slots(port: &dyn Challenges) {
    let alex = user("slots-alex");
    assert_eq!(port.read(&StateKey::User(alex.clone())).await.expect("works"), UserSignInState::default());
    let racing = (0..RACING).map(|number| first(&alex, number, AnswerAction::Choose(CustomFactor::Totp)));
    let racing: Vec<_> = racing.collect();
    let outcomes = join_all(racing.iter().map(|answer| port.answer(answer))).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(AnswerOutcome::Taken(_)))).count();
    assert_eq!(won, 1, "of {RACING} sign-ins one has the slot");

    let next = first(&alex, 100, AnswerAction::Choose(CustomFactor::Totp));
    refused(port, &next, "the slot is taken").await;
    taken(port, &AnswerWrite { slot: ChallengeSlot { index: 1, ..PROVEN }, ..next.clone() }).await;
    let later = AnswerWrite { now: after(180), until: after(360), ..next };
    taken(port, &later).await;
    assert_eq!(record(&port.read(&later.state_key).await.expect("works"), &later).until, after(360));

    let apart = AnswerWrite {
        state_key: StateKey::Decoy(nonce(7)),
        ..first(&alex, 7, AnswerAction::Choose(CustomFactor::EmailCode))
    };
    taken(port, &apart).await;
    let kept = port.read(&apart.state_key).await.expect("works");
    assert_eq!(record(&kept, &apart).chosen.map(|chosen| chosen.factor), Some(CustomFactor::EmailCode));
    assert_eq!(
        port.read(&StateKey::UnknownName { shard: 7 }).await.expect("works"),
        UserSignInState::default()
    );
}

async fn rounds(port: &dyn Challenges) {
    let alex = user("rounds-alex");
    let chose = first(&alex, 1, AnswerAction::Choose(CustomFactor::SmsCode));
    let kept = taken(port, &chose).await;
    let chosen = record(&kept, &chose).chosen.expect("chosen");
    assert_eq!((chosen.factor, chosen.round_index, chosen.send_attempt), (CustomFactor::SmsCode, 3, 1));
    assert_eq!((chosen.sent_at, chosen.expires_at), (now(), after(180)));
    assert_eq!(port.answer(&chose).await.expect("works"), AnswerOutcome::Repeated(kept), "the same again");
    let other = AnswerWrite { digest: "other".into(), ..chose.clone() };
    refused(port, &other, "a round takes one answer").await;
    let later_claim = later(&chose, 2, AnswerAction::Choose(CustomFactor::SmsCode));
    refused(port, &later_claim, "a round takes one answer").await;

    let code = |round_index, send_attempt, hash: &str| CodeHash {
        user: alex.clone(),
        nonce: nonce(1),
        round_index,
        send_attempt,
        hash: hash.into(),
    };
    assert!(port.keep_code(&code(3, 1, "first draw")).await.expect("works"));
    assert!(port.keep_code(&code(3, 1, "one")).await.expect("works"), "drawn again");
    assert!(!port.keep_code(&code(3, 2, "two")).await.expect("works"), "not asked for yet");
    assert!(!port.keep_code(&code(4, 1, "one")).await.expect("works"), "another round");
    let foreign = CodeHash { nonce: nonce(2), ..code(3, 1, "one") };
    assert!(!port.keep_code(&foreign).await.expect("works"), "another sign-in");

    let resend = |round, seconds| AnswerWrite {
        now: after(seconds),
        until: after(seconds + 180),
        ..later(&chose, round, AnswerAction::Resend { asked: 3, not_after: after(seconds - 30) })
    };
    refused(port, &resend(3, 29), "too early").await;
    let kept = taken(port, &resend(4, 30)).await;
    let chosen = record(&kept, &chose).chosen.expect("still chosen");
    assert_eq!((chosen.send_attempt, chosen.sent_at, chosen.expires_at), (2, after(30), after(210)));
    assert!(port.keep_code(&code(3, 2, "two")).await.expect("works"));
    let kept = port.read(&chose.state_key).await.expect("works");
    let codes = [((3, 1), "one".to_owned()), ((3, 2), "two".to_owned())];
    assert_eq!(record(&kept, &chose).codes, codes.into());
    for send_attempt in 3..=MAX_SEND_ATTEMPTS {
        taken(port, &resend(2 + send_attempt, 60 * i64::from(send_attempt))).await;
    }
    refused(port, &resend(60, 3_600), "enough were sent").await;

    refused(port, &later(&chose, 61, AnswerAction::Back { asked: 4 }), "of another round").await;
    let kept = taken(port, &later(&chose, 62, AnswerAction::Back { asked: 3 })).await;
    assert_eq!(record(&kept, &chose).chosen, None);
    assert!(!port.keep_code(&code(3, 5, "late")).await.expect("works"), "the challenge slot expects no code");
    let kept = taken(port, &later(&chose, 63, AnswerAction::Choose(CustomFactor::EmailCode))).await;
    let chosen = record(&kept, &chose).chosen.expect("chosen anew");
    assert_eq!((chosen.factor, chosen.round_index, chosen.send_attempt), (CustomFactor::EmailCode, 64, 1));
    refused(
        port,
        &AnswerWrite { client: "other".into(), ..later(&chose, 65, AnswerAction::Back { asked: 64 }) },
        "another client's",
    )
    .await;
}

async fn comparisons(port: &dyn Challenges) {
    let alex = user("comparisons-alex");
    let chose = first(&alex, 1, AnswerAction::Choose(CustomFactor::Totp));
    taken(port, &chose).await;
    let ended = AnswerWrite { now: after(180), ..later(&chose, 3, compare(Some(3))) };
    refused(port, &ended, "the code has run out").await;
    refused(port, &later(&chose, 3, compare(Some(4))), "asked in another round").await;
    let racing: Vec<_> = (3..203).map(|round| later(&chose, round, compare(Some(3)))).collect();
    let racing = stream::iter(racing.iter().map(|answer| port.answer(answer))).buffer_unordered(RACING);
    let outcomes: Vec<_> = racing.collect().await;
    let counted = outcomes.iter().filter(|outcome| matches!(outcome, Ok(AnswerOutcome::Taken(_)))).count();
    assert_eq!(counted, 5, "of 200 comparisons");
    refused(port, &later(&chose, 300, compare(None)), "at once counts as well").await;
    let kept = port.read(&chose.state_key).await.expect("works");
    assert_eq!(record(&kept, &chose).comparisons, 5);
    assert_eq!(kept.failure_counts.failures, [(CustomFactor::Totp, 5)].into(), "until one is right");
    assert_eq!(kept.failure_counts.by_name, 0, "apart from those by name");
}

async fn limits(port: &dyn Challenges) {
    let alex = user("limits-alex");
    let by_name = |number, seconds, is_first, most| {
        let at_once = AnswerAction::Compare(Comparison {
            factor: CustomFactor::Totp,
            asked: None,
            most: 5,
            failure_scope: FailureScope::NameOnly { not_before: None, opens_totp_window: is_first },
        });
        AnswerWrite {
            slot: BY_NAME,
            now: after(seconds),
            until: after(seconds + 1),
            claim: Some(SlotClaim::NameOnly { day: 20_455, is_first, most }),
            ..first(&alex, number, at_once)
        }
    };
    taken(port, &by_name(1, 0, true, 3)).await;
    refused(port, &by_name(2, 1, true, 3), "not the first of the day").await;
    taken(port, &by_name(2, 1, false, 3)).await;
    taken(port, &by_name(3, 2, false, 3)).await;
    refused(port, &by_name(4, 3, false, 3), "the day's are used up").await;
    let tomorrow = SlotClaim::NameOnly { day: 20_456, is_first: true, most: 3 };
    let mut wrong = AnswerWrite { claim: Some(tomorrow), ..by_name(5, 4, true, 3) };
    if let AnswerAction::Compare(comparison) = &mut wrong.action {
        comparison.failure_scope =
            FailureScope::NameOnly { not_before: Some(after(100)), opens_totp_window: false };
    }
    let kept = taken(port, &wrong).await;
    assert_eq!((kept.failure_counts.by_name, kept.failure_counts.not_before), (4, Some(after(100))));
    assert_eq!((kept.failure_counts.day, kept.failure_counts.begun), (20_456, 1));
    let tomorrow = SlotClaim::NameOnly { day: 20_456, is_first: false, most: 3 };
    refused(port, &AnswerWrite { claim: Some(tomorrow.clone()), ..by_name(6, 99, false, 3) }, "has to wait")
        .await;
    taken(port, &AnswerWrite { claim: Some(tomorrow.clone()), ..by_name(6, 100, false, 3) }).await;
    assert_eq!(kept.failure_counts.failures, [].into(), "no factor is any worse for it");

    let known = first(&alex, 10, AnswerAction::Choose(CustomFactor::Totp));
    taken(port, &known).await;
    for failure_scope in 0..FAILURES_TO_LOCK {
        let answer = AnswerWrite {
            claim: Some(SlotClaim::Identified { evicts: None }),
            now: after(1_000 + i64::from(failure_scope)),
            until: after(1_001 + i64::from(failure_scope)),
            ..first(&alex, 20 + usize::try_from(failure_scope).expect("small"), compare(None))
        };
        taken(port, &answer).await;
    }
    let locked = AnswerWrite { now: after(5_000), ..first(&alex, 500, compare(None)) };
    refused(port, &locked, "the factor is locked").await;
    refused(
        port,
        &AnswerWrite { claim: Some(tomorrow), ..by_name(7, 5_000, false, 3) },
        "for sign-ins by name as well",
    )
    .await;
    let other = Comparison {
        factor: CustomFactor::RecoveryCode,
        asked: None,
        most: 5,
        failure_scope: FailureScope::Factor,
    };
    taken(port, &AnswerWrite { action: AnswerAction::Compare(other), ..locked }).await;
}

fn proof(answer: &AnswerWrite, consumes: ConsumedCredential) -> Proof {
    let user = match &answer.state_key {
        StateKey::User(user) => Some(user.clone()),
        StateKey::UnknownName { .. } | StateKey::Decoy(_) => None,
    };
    Proof {
        user: user.expect("a user's"),
        slot: answer.slot,
        nonce: answer.nonce.clone(),
        round_index: answer.round_index,
        factor: CustomFactor::Totp,
        factor_epoch: 0,
        consumes,
        forgives_name: true,
        forgives_all: false,
        enrols: None,
        now: answer.now,
        grant: None,
    }
}

async fn proofs(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
    let alex = user("proofs-alex");
    let compared = first(&alex, 1, compare(None));
    taken(port, &compared).await;
    let right = proof(&compared, ConsumedCredential::Step(100));
    let unanswered = Proof { round_index: 9, ..right.clone() };
    assert_eq!(port.prove(&unanswered).await.expect("works"), ProofOutcome::Refused);
    let racing = join_all((0..RACING).map(|_| port.prove(&right))).await;
    let done = racing.iter().filter(|outcome| matches!(outcome, Ok(ProofOutcome::Done))).count();
    let before = racing.iter().filter(|outcome| matches!(outcome, Ok(ProofOutcome::Before))).count();
    assert_eq!((done, before), (1, RACING - 1), "proven once, and no less true when delivered again");
    let kept = port.read(&compared.state_key).await.expect("works");
    let after_proof = record(&kept, &compared);
    assert_eq!((after_proof.comparisons, after_proof.chosen), (0, None));
    assert_eq!(after_proof.proven, [(2, CustomFactor::Totp)].into());
    assert_eq!(kept.factors.last_step, Some(100));
    assert_eq!(kept.failure_counts.failures, [].into(), "a right answer forgives");

    let again = later(&compared, 4, compare(None));
    taken(port, &again).await;
    assert_eq!(
        port.prove(&proof(&again, ConsumedCredential::Step(100))).await.expect("works"),
        ProofOutcome::Refused
    );
    assert_eq!(
        port.prove(&proof(&again, ConsumedCredential::Step(99))).await.expect("works"),
        ProofOutcome::Refused
    );
    let other_slot = Proof { slot: BY_NAME, ..proof(&again, ConsumedCredential::Step(101)) };
    assert_eq!(port.prove(&other_slot).await.expect("works"), ProofOutcome::Refused);

    let code = mfa_core::factors::custom::RecoveryHash::from_stored("0".repeat(32));
    let change = Change { recovery: Some(BTreeSet::from([code.clone()])), ..Change::default() };
    let seen = factors.custom_factors(&alex).await.expect("works").revision;
    factors.change(&alex, seen, &change).await.expect("works");
    let recovery = |hash| Proof {
        factor: CustomFactor::RecoveryCode,
        ..proof(&again, ConsumedCredential::Recovery(hash))
    };
    let wrong = mfa_core::factors::custom::RecoveryHash::from_stored("1".repeat(32));
    assert_eq!(port.prove(&recovery(wrong)).await.expect("works"), ProofOutcome::Refused);
    assert_eq!(port.prove(&recovery(code)).await.expect("works"), ProofOutcome::Done);
    assert_eq!(factors.custom_factors(&alex).await.expect("works").recovery, BTreeSet::new(), "used up");

    let third = later(&compared, 6, compare(None));
    taken(port, &third).await;
    let device = mfa_core::factors::custom::FactorId::parse(&"a".repeat(32)).expect("an id");
    assert_eq!(
        port.prove(&proof(&third, ConsumedCredential::Device(device))).await.expect("works"),
        ProofOutcome::Refused
    );
    factors.revoke_devices(&alex).await.expect("works");
    let stale = proof(&third, ConsumedCredential::Nothing);
    assert_eq!(port.prove(&stale).await.expect("works"), ProofOutcome::Refused, "begun under another epoch");
    assert_eq!(port.prove(&Proof { factor_epoch: 1, ..stale }).await.expect("works"), ProofOutcome::Done);
}

/// Checks that a proof by a passkey replaces the state that was seen, once, and that a change through the API does
/// not bring an earlier state back.
async fn passkey_proofs(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
    use mfa_core::factors::custom::passkey::{Passkey, PasskeyCredential};
    let alex = user("passkeys-alex");
    let id = mfa_core::factors::custom::FactorId::parse(&"a".repeat(32)).expect("an id");
    let name = mfa_core::factors::enrolment::FriendlyDeviceName::parse("Laptop").expect("a name");
    let credential = PasskeyCredential { id: vec![1], fixed: vec![2], state: [1; 7], transports: 0 };
    let passkey = Passkey { name: name.clone(), created_at: now(), credential };
    let added = Change { passkeys: Some([(id.clone(), passkey)].into()), ..Change::default() };
    factors.change(&alex, 0, &added).await.expect("works");
    let kept = async || factors.custom_factors(&alex).await.expect("works");
    let state = |kept: &mfa_core::factors::custom::CustomFactors| {
        kept.passkeys.get(&id).map(|passkey| passkey.credential.state)
    };
    let proves = |answer: &AnswerWrite, seen, state| Proof {
        factor: CustomFactor::Passkey,
        ..proof(answer, ConsumedCredential::Passkey { id: id.clone(), seen, state })
    };

    let compared = first(&alex, 1, compare(None));
    taken(port, &compared).await;
    let earlier = kept().await;
    let unseen = proves(&compared, [0; 7], [2; 7]);
    assert_eq!(port.prove(&unseen).await.expect("works"), ProofOutcome::Refused, "another state was seen");
    assert_eq!(state(&kept().await), Some([1; 7]), "nothing is written");
    let right = proves(&compared, [1; 7], [2; 7]);
    let racing = join_all((0..RACING).map(|_| port.prove(&right))).await;
    let done = racing.iter().filter(|outcome| matches!(outcome, Ok(ProofOutcome::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing proofs one is done");
    assert_eq!(state(&kept().await), Some([2; 7]));

    let renamed = earlier.rename_passkey(&id, name).expect("it is there");
    let overtaken = factors.change(&alex, earlier.revision, &renamed).await.expect("works");
    assert_eq!(overtaken, mfa_core::factors::custom::ChangeOutcome::Overtaken);
    assert_eq!(state(&kept().await), Some([2; 7]), "the state never goes back");

    let again = later(&compared, 4, compare(None));
    taken(port, &again).await;
    let cloned = proves(&again, [1; 7], [2; 7]);
    assert_eq!(port.prove(&cloned).await.expect("works"), ProofOutcome::Refused);
    let seen = kept().await;
    factors
        .change(&alex, seen.revision, &Change { passkeys: Some([].into()), ..Change::default() })
        .await
        .expect("works");
    let removed = proves(&again, [2; 7], [3; 7]);
    assert_eq!(port.prove(&removed).await.expect("works"), ProofOutcome::Refused, "removed meanwhile");
}

async fn redemptions(port: &dyn Challenges, factors: &dyn CustomFactorStore) {
    let native = BTreeSet::from([CustomFactor::SmsCode]);
    let proven = Proven { password: true, native, custom: [CustomFactor::Totp].into(), enrolled: false };
    let passed = async |user: &UserId, number, is_named| {
        let slot = ChallengeSlot { index: u8::try_from(number % 3).expect("small"), ..PROVEN };
        let compared = AnswerWrite { slot, ..first(user, number, compare(None)) };
        taken(port, &compared).await;
        let grant = TokenGrant { client: CLIENT.into(), proven: proven.clone(), is_named };
        let passed = Proof { grant: Some(grant), ..proof(&compared, ConsumedCredential::Nothing) };
        assert_eq!(port.prove(&passed).await.expect("works"), ProofOutcome::Done);
        let repeated = port.answer(&compared).await.expect("works");
        assert!(matches!(repeated, AnswerOutcome::Repeated(_)), "although the slot is free: {repeated:?}");
    };
    let asks = |user: &UserId, named: Option<usize>, seconds| GrantRedemption {
        user: user.clone(),
        client: CLIENT.into(),
        nonce: named.map(nonce),
        groups: ["admins".to_owned()].into(),
        now: after(seconds),
    };
    let redeemed = async |asks: GrantRedemption| port.redeem(&asks).await.expect("works");

    let alex = user("redeems-alex");
    assert_eq!(redeemed(asks(&alex, None, 0)).await, None, "nothing was proven");
    passed(&alex, 1, false).await;
    assert_eq!(redeemed(GrantRedemption { client: "other".into(), ..asks(&alex, None, 1) }).await, None);
    assert_eq!(redeemed(asks(&user("redeems-sam"), None, 1)).await, None);
    assert_eq!(redeemed(asks(&alex, Some(2), 1)).await, None, "another sign-in's");
    assert_eq!(redeemed(asks(&alex, None, 16)).await, None, "stale");
    assert_eq!(redeemed(asks(&alex, Some(1), 61)).await, None, "stale, by name");
    let asks_once = asks(&alex, None, 15);
    let racing = join_all((0..RACING).map(|_| port.redeem(&asks_once))).await;
    let won: Vec<_> = racing.into_iter().filter_map(|outcome| outcome.expect("works")).collect();
    let expected = RedeemedGrant { proven: proven.clone(), at: now() };
    assert_eq!(won, std::slice::from_ref(&expected), "one of {RACING} requests for tokens");
    let kept = port.read(&StateKey::User(alex.clone())).await.expect("works");
    assert_eq!(kept.groups, ["admins".to_owned()].into(), "kept for the next sign-in");
    let last = kept.factors.last_proof.expect("kept");
    assert_eq!((last.at, last.client.as_str(), last.factors), (now(), CLIENT, [CustomFactor::Totp].into()));
    assert_eq!(last.native, [CustomFactor::SmsCode].into());

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
