//! Random histories of the state machines behind the ports. Each history runs beside a plain model of the
//! port's contract. The in-memory port and the real adapter are checked against the model step by step.
//!
//! A history has one caller; the [contract tests](crate::contract) check races. Each history has its own
//! user, address or delivery, so that all can share one table.

use std::{cell::Cell, fmt::Debug};

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    config::Policy,
    custom_auth::{
        Proven,
        port::{
            AnswerAction, AnswerOutcome, AnswerWrite, Challenges, Comparison, ConsumedCredential,
            FailureScope, GrantRedemption, PROOF_LIFE, Proof, ProofOutcome, REPEAT, SlotClaim, StateKey,
            TokenGrant, UNNAMED_PROOF_LIFE,
        },
        round_state::{ChallengeSlot, Nonce, SlotKind},
    },
    delivery::{
        Channel,
        send_leases::{DeliveryId, Lease, SendFailure, SendLeases, SendOutcome},
        toll_fraud::{
            BudgetCounter, BudgetCounts, BudgetLimits, BudgetScope, Budgets, CounterIncrement, Credit,
            IncrementOutcome, Reservation, TrustLevel,
        },
    },
    factors::{
        VerificationRequests,
        custom::{
            Authenticator, Change, ChangeOutcome, CustomFactorStore, CustomFactors, DEVICE_TRUST, DeviceKey,
            FactorId, MOST_AUTHENTICATORS, RecoveryHash, SealedSeed, TrustedDevice,
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::{CustomFactor, PortError, UserId},
    sign_in::{Attempt, BackOff, SignInLedger, Subject},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, OwnershipClaim, RESERVATION_TIME,
        RESERVATIONS_PER_DAY,
    },
};
use proptest::{
    prelude::*,
    prop_assert, prop_assert_eq, prop_oneof,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::runtime::Runtime;

use crate::SeededEntropy;

/// The result of one sequence of steps.
type CaseResult = Result<(), TestCaseError>;

/// The number of random sequences of steps, and the runtime of their futures.
#[derive(Debug, Clone, Copy)]
pub struct ModelRun<'a> {
    pub cases: u32,
    pub runtime: &'a Runtime,
}

impl ModelRun<'_> {
    /// Runs one history per sequence. `check` gets a number unique to its history.
    fn check<T: Debug>(
        &self,
        steps: impl Strategy<Value = Vec<T>>,
        check: impl AsyncFn(u32, Vec<T>) -> CaseResult,
    ) {
        let number = Cell::new(0);
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config).run(&steps, |steps| {
            number.set(number.get() + 1);
            self.runtime.block_on(check(number.get(), steps))
        });
        result.map_err(|fault| fault.to_string()).expect("every history is as promised");
    }
}

/// Returns a time in whole seconds, because some adapters keep no fractions.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_323_000 + second).expect("a time")
}

fn user(machine: &str, number: u32) -> UserId {
    UserId::parse(&format!("{machine}-{number}")).expect("an id")
}

fn works<T>(answer: Result<T, PortError>) -> Result<T, TestCaseError> {
    answer.map_err(|fault| TestCaseError::fail(fault.chain()))
}

/// Returns a pause in seconds, often zero or close to a limit.
fn pause(limit: SignedDuration) -> impl Strategy<Value = i64> {
    let limit = limit.as_secs();
    prop_oneof![0..=2_i64, 0..=limit, limit - 1..=limit + 1]
}

// ---- Requests that are sent again -----------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum RequestStep {
    /// Holder, requested operation, seconds.
    Claim(usize, usize, i64),
    Settle(usize, bool),
    Release(usize),
    Wait(i64),
}

/// Checks that a key has one holder until its claim runs out, is released or is forgotten. Only the holder
/// completes it.
pub fn requests(run: ModelRun<'_>, port: &dyn IdempotencyStore) {
    const MEMORY: i64 = 100;
    struct Kept {
        holder: usize,
        asked: usize,
        until: i64,
        ended: Option<StoredResponse>,
    }
    let step = prop_oneof![
        4 => (0..3_usize, 0..2_usize, 1..=40_i64).prop_map(|(holder, asked, lease)| RequestStep::Claim(holder, asked, lease)),
        2 => (0..3_usize, any::<bool>()).prop_map(|(holder, is_shown)| RequestStep::Settle(holder, is_shown)),
        1 => (0..3_usize).prop_map(RequestStep::Release),
        3 => pause(SignedDuration::from_secs(40)).prop_map(RequestStep::Wait),
    ];
    let entropy = SeededEntropy::new(17);
    let holders = [(); 3].map(|()| KeyHolder::draw(&entropy).expect("works"));
    let asked = [&b"one"[..], b"two"].map(|body| RequestHash::new("POST", "/mfa/totp", body));
    let key = IdempotencyKey::parse("a").expect("a key");
    let holder_of = |holder: usize| holders.get(holder).expect("one of them");
    let request_of = |request: usize| asked.get(request).expect("one of them");
    let outcome = |is_theirs| if is_theirs { KeyRelease::Done } else { KeyRelease::TakenOver };
    run.check(prop::collection::vec(step, 1..30), async |number, steps| {
        let user = user("told-requests", number);
        let (mut kept, mut now) = (None::<Kept>, 0);
        for step in steps {
            match step {
                RequestStep::Wait(seconds) => now += seconds,
                RequestStep::Claim(holder, request, lease) => {
                    let claim = port.claim(
                        &user,
                        &key,
                        holder_of(holder),
                        request_of(request),
                        at(now),
                        at(now + lease),
                    );
                    let claim = works(claim.await)?;
                    let others = kept.as_ref().filter(|kept| now < kept.until && kept.holder != holder);
                    let expected = others.map_or(KeyClaim::Granted, |kept| KeyClaim::Taken {
                        request: request_of(kept.asked).clone(),
                        ended: kept.ended.clone(),
                    });
                    if others.is_none() {
                        kept = Some(Kept { holder, asked: request, until: now + lease, ended: None });
                    }
                    prop_assert_eq!(claim, expected);
                }
                RequestStep::Settle(holder, is_shown) => {
                    let ended =
                        StoredResponse { status: 200, answer: is_shown.then(|| format!("of {holder}")) };
                    // A holder that has completed or released its claim cannot complete it again.
                    let is_over = |kept: &Kept| kept.ended.is_some() || kept.until == i64::MIN;
                    if kept.as_ref().is_some_and(is_over) {
                        continue;
                    }
                    let settled =
                        port.store_response(&user, &key, holder_of(holder), &ended, at(now + MEMORY));
                    let settled = works(settled.await)?;
                    let theirs = kept.as_mut().filter(|kept| kept.holder == holder);
                    prop_assert_eq!(settled, outcome(theirs.is_some()));
                    if let Some(kept) = theirs {
                        (kept.ended, kept.until) = (Some(ended), now + MEMORY);
                    }
                }
                RequestStep::Release(holder) => {
                    let released = works(port.release(&user, &key, holder_of(holder)).await)?;
                    let theirs = kept.as_mut().filter(|kept| kept.holder == holder);
                    prop_assert_eq!(released, outcome(theirs.is_some()));
                    if let Some(kept) = theirs {
                        kept.until = i64::MIN;
                    }
                }
            }
        }
        Ok(())
    });
}

// ---- Deliveries -----------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum DeliveryStep {
    /// Seconds.
    Acquire(i64),
    /// The age of the holder in attempts, and whether the message was sent.
    Settle(u32, bool),
    Wait(i64),
}

/// Checks that a delivery has one numbered holder at a time. A settled delivery is granted no further lease.
/// Only the last holder, or one whose message was sent, settles it.
pub fn deliveries(run: ModelRun<'_>, port: &dyn SendLeases) {
    let step = prop_oneof![
        4 => (1..=40_i64).prop_map(DeliveryStep::Acquire),
        1 => (0..3_u32, any::<bool>()).prop_map(|(ago, is_sent)| DeliveryStep::Settle(ago, is_sent)),
        3 => pause(SignedDuration::from_secs(40)).prop_map(DeliveryStep::Wait),
    ];
    run.check(prop::collection::vec(step, 1..30), async |number, steps| {
        let id = DeliveryId::new("pool", "told", "CustomSMSSender_SignUp", &number.to_string());
        let (mut attempts, mut first_seen, mut until) = (0, None, 0);
        let (mut is_settled, mut now) = (false, 0);
        for step in steps {
            match step {
                DeliveryStep::Wait(seconds) => now += seconds,
                DeliveryStep::Acquire(lease) => {
                    let claim = works(port.acquire(&id, at(now), at(now + lease)).await)?;
                    let expected = if is_settled {
                        Lease::Completed
                    } else if first_seen.is_some() && now < until {
                        Lease::Held { until: at(until) }
                    } else {
                        (attempts, until) = (attempts + 1, now + lease);
                        let first_seen = at(*first_seen.get_or_insert(now));
                        Lease::Acquired { attempt: attempts, first_seen }
                    };
                    prop_assert_eq!(claim, expected);
                }
                // Only a caller that was granted a lease settles it.
                DeliveryStep::Settle(ago, _) if attempts <= ago => {}
                DeliveryStep::Settle(ago, is_sent) => {
                    let outcome = if is_sent {
                        SendOutcome::Sent { provider: "sns" }
                    } else {
                        SendOutcome::Failed(SendFailure::NoProvider)
                    };
                    works(port.complete(&id, attempts - ago, outcome, at(now)).await)?;
                    is_settled |= is_sent || ago == 0;
                }
            }
        }
        Ok(())
    });
}

// ---- Addresses ------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum AddressStep {
    Claim(usize),
    Confirm(usize),
    Release(usize),
    Wait(i64),
}

/// Checks that an address has one candidate for a limited time, at most three times a day, and one owner for
/// good.
pub fn addresses(run: ModelRun<'_>, port: &dyn AddressClaims) {
    let step = prop_oneof![
        6 => (0..3_usize).prop_map(AddressStep::Claim),
        1 => (0..2_usize).prop_map(AddressStep::Confirm),
        1 => (0..2_usize).prop_map(AddressStep::Release),
        3 => pause(RESERVATION_TIME).prop_map(AddressStep::Wait),
        1 => pause(DAY).prop_map(AddressStep::Wait),
    ];
    let candidates = ["a", "b", "c"].map(|name| CandidateKey::new(name.to_owned()));
    let owners = [1, 2].map(|number| user("told-owner", number));
    run.check(prop::collection::vec(step, 1..40), async |number, steps| {
        let address = AddressKey::new(format!("told-{number}"));
        let (mut owner, mut holder, mut holds) = (None, None, Vec::<i64>::new());
        let mut now = 0;
        for step in steps {
            match step {
                AddressStep::Wait(seconds) => now += seconds,
                AddressStep::Claim(candidate) => {
                    let key = candidates.get(candidate).expect("one of them");
                    let claim = works(port.claim(&address, key, at(now)).await)?;
                    let running = holder.filter(|(_, until)| now < *until);
                    let of_the_day = holds.iter().filter(|hold| **hold > now - DAY.as_secs()).count();
                    let expected = match (owner, running) {
                        (None, Some((holder, _))) if holder == candidate => AddressClaim::Reserved,
                        (Some(_), _) | (None, Some(_)) => AddressClaim::Taken,
                        (None, None) if of_the_day >= RESERVATIONS_PER_DAY => AddressClaim::Unreserved,
                        (None, None) => {
                            holder = Some((candidate, now + RESERVATION_TIME.as_secs()));
                            holds.push(now);
                            AddressClaim::Reserved
                        }
                    };
                    prop_assert_eq!(claim, expected);
                }
                AddressStep::Confirm(user) => {
                    let id = owners.get(user).expect("one of them");
                    let confirmed = works(port.confirm(&address, id, at(now)).await)?;
                    let is_theirs = *owner.get_or_insert(user) == user;
                    prop_assert_eq!(
                        confirmed,
                        if is_theirs { OwnershipClaim::Owned } else { OwnershipClaim::Conflict }
                    );
                }
                AddressStep::Release(user) => {
                    let id = owners.get(user).expect("one of them");
                    let released = works(port.release(&address, id).await)?;
                    prop_assert_eq!(released, owner == Some(user));
                    if released {
                        (owner, holder) = (None, None);
                        holds.clear();
                    }
                }
            }
        }
        Ok(())
    });
}

// ---- Sign-ins that keep apart ---------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum SignInStep {
    Attempt,
    Complete,
    Reset,
    Wait(i64),
}

/// Checks that counted attempts keep the distance of the back-off, and that a refused attempt changes
/// nothing. Only a completed sign-in, an operator or the end of the window resets the count.
pub fn back_off(run: ModelRun<'_>, port: &dyn SignInLedger) {
    let back_off = BackOff::of(&Policy::default().sign_in);
    let step = prop_oneof![
        12 => Just(SignInStep::Attempt),
        1 => Just(SignInStep::Complete),
        1 => Just(SignInStep::Reset),
        6 => (0..=12_u32).prop_map(|power| SignInStep::Wait((1 << power) - 1)),
        1 => pause(back_off.window()).prop_map(SignInStep::Wait),
    ];
    run.check(prop::collection::vec(step, 1..60), async |number, steps| {
        let user = user("told-sign-ins", number);
        let subject = Subject::User(user.clone());
        let (mut attempts, mut last, mut now) = (0, 0, 0);
        for step in steps {
            match step {
                SignInStep::Wait(seconds) => now += seconds,
                SignInStep::Attempt => {
                    let attempt = works(port.attempt(&subject, &back_off, at(now)).await)?;
                    if now - last >= back_off.window().as_secs() {
                        attempts = 0;
                    }
                    if now - last < back_off.wait(attempts).as_secs() {
                        prop_assert_eq!(attempt, Attempt::Refused);
                    } else {
                        (attempts, last) = (attempts + 1, now);
                        prop_assert_eq!(attempt, Attempt::Counted(attempts));
                    }
                }
                SignInStep::Complete => {
                    works(port.complete(&user, at(now)).await)?;
                    attempts = 0;
                }
                SignInStep::Reset => {
                    works(port.reset(&user).await)?;
                    attempts = 0;
                }
            }
        }
        Ok(())
    });
}

// ---- Own factors ----------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum FactorStep {
    Start(char),
    /// The id, and the time step of the code.
    Confirm(char, u64),
    Remove(char),
    RecoveryCodes(u8),
    TrustDevice,
    RemoveDevice,
    Revoke,
    MarkPoolTotpReplaced,
    Wait(i64),
}

/// Checks custom factors in any order of steps. Any change of what can prove begins a new epoch of factors,
/// which ends all trusted devices. Only a caller that has read the last revision writes. A time step is used
/// up once.
pub fn custom_factors(run: ModelRun<'_>, port: &dyn CustomFactorStore) {
    let id = || prop::sample::select(vec!['a', 'b', 'c', 'd', 'e', 'f']);
    let step = prop_oneof![
        4 => id().prop_map(FactorStep::Start),
        4 => (id(), 1..20_u64).prop_map(|(id, step)| FactorStep::Confirm(id, step)),
        1 => id().prop_map(FactorStep::Remove),
        1 => (0..3_u8).prop_map(FactorStep::RecoveryCodes),
        2 => Just(FactorStep::TrustDevice),
        1 => Just(FactorStep::RemoveDevice),
        1 => Just(FactorStep::Revoke),
        1 => Just(FactorStep::MarkPoolTotpReplaced),
        2 => (0..1_000_i64).prop_map(FactorStep::Wait),
    ];
    let steps = prop::collection::vec((step, prop::bool::weighted(0.1)), 1..40);
    run.check(steps, async |number, steps| {
        let user = user("told-factors", number);
        let (mut kept, mut now) = (CustomFactors::default(), at(0));
        let mut started = std::collections::BTreeSet::new();
        for (step, is_stale) in steps {
            let before = kept.clone();
            match step {
                FactorStep::Wait(seconds) => {
                    now += SignedDuration::from_secs(seconds);
                    continue;
                }
                // Ids are drawn at random, and so never used again.
                FactorStep::Start(digit) if !started.insert(digit) => continue,
                FactorStep::Revoke => works(port.revoke_devices(&user).await)?,
                FactorStep::MarkPoolTotpReplaced => works(port.mark_pool_totp_replaced(&user, now).await)?,
                _ => {}
            }
            let change = asked(step, &before, now);
            let mut is_written = true;
            if !matches!(step, FactorStep::Revoke | FactorStep::MarkPoolTotpReplaced) {
                // Callers do not ask for changes that the rules refuse.
                let Some(change) = &change else { continue };
                let is_stale = is_stale && before.revision > 0;
                let seen = before.revision - u64::from(is_stale);
                let is_used_up =
                    change.step.is_some_and(|step| before.last_step.is_some_and(|last| step <= last));
                is_written = !is_stale && !is_used_up;
                let changed = works(port.change(&user, seen, change).await)?;
                prop_assert_eq!(
                    changed,
                    if is_written { ChangeOutcome::Done } else { ChangeOutcome::Overtaken }
                );
            }
            kept = works(port.custom_factors(&user).await)?;
            if !is_written {
                prop_assert_eq!(&kept, &before, "nothing is written");
                continue;
            }
            if let Some(change) = &change {
                prop_assert_eq!(&kept, &before.changed(change));
            }
            as_promised(step, &before, &kept)?;
        }
        Ok(())
    });
}

/// Returns the change that a step makes of the factors read before. Returns `None` if the rules refuse it.
fn asked(step: FactorStep, before: &CustomFactors, now: Timestamp) -> Option<Change> {
    let name = |text| FriendlyDeviceName::parse(text).expect("a name");
    match step {
        FactorStep::Start(digit) => {
            let authenticator = Authenticator {
                name: name("Phone"),
                seed: SealedSeed::new(vec![0, 255, 7]),
                created_at: now,
                is_confirmed: false,
            };
            before.start_authenticator(id_of(digit), authenticator, now).ok()
        }
        FactorStep::Confirm(digit, step) => {
            before.unconfirmed(&id_of(digit), now).ok()?;
            Some(before.confirm_authenticator(&id_of(digit), step))
        }
        FactorStep::Remove(digit) => before.remove_authenticator(&id_of(digit)).ok(),
        FactorStep::RecoveryCodes(code) => {
            let hash = RecoveryHash::from_stored(format!("{code:032x}"));
            Some(before.replace_recovery_codes([hash].into(), false))
        }
        FactorStep::TrustDevice => {
            let key = DeviceKey::from_coordinates(
                // The key of RFC 7517, A.1.
                "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            )
            .expect("a key");
            let expires_at = now + DEVICE_TRUST;
            let device = TrustedDevice { name: name("Laptop"), key, created_at: now, expires_at };
            before.register_device(id_of('9'), device, now).ok()
        }
        FactorStep::RemoveDevice => before.remove_device(&id_of('9')).ok(),
        FactorStep::Revoke | FactorStep::MarkPoolTotpReplaced | FactorStep::Wait(_) => None,
    }
}

fn id_of(digit: char) -> FactorId {
    FactorId::parse(&String::from(digit).repeat(32)).expect("an id")
}

/// Checks the properties of every written step.
fn as_promised(step: FactorStep, before: &CustomFactors, kept: &CustomFactors) -> CaseResult {
    prop_assert_eq!(kept.revision, before.revision + 1);
    prop_assert!(kept.authenticators.len() <= MOST_AUTHENTICATORS);
    prop_assert!(kept.last_step >= before.last_step);
    let proves = |factors: &CustomFactors| {
        let confirmed: Vec<_> = factors.confirmed().map(|(id, _)| id.clone()).collect();
        (confirmed, factors.recovery.clone())
    };
    if proves(kept) != proves(before) || matches!(step, FactorStep::Revoke | FactorStep::MarkPoolTotpReplaced)
    {
        prop_assert_eq!(kept.factor_epoch, before.factor_epoch + 1, "what can prove is another");
        prop_assert!(kept.devices.is_empty(), "no device outlives what it stood beside");
    }
    if kept.devices != before.devices {
        prop_assert_eq!(kept.factor_epoch, before.factor_epoch + 1);
    }
    if kept.factor_epoch == before.factor_epoch {
        prop_assert_eq!(proves(kept), proves(before));
    }
    // A used time step comes from a confirmation.
    if let FactorStep::Confirm(digit, step) = step {
        prop_assert_eq!(kept.last_step, Some(step));
        prop_assert!(kept.confirmed().any(|(id, _)| *id == id_of(digit)));
    }
    Ok(())
}

// ---- Tokens ---------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum TokenStep {
    /// Completes a sign-in. The flag says whether the client names the sign-in.
    Prove(bool),
    /// Asks for tokens and names the sign-in that many before the last, or no sign-in. The flag says whether
    /// the client is the same.
    Redeem(Option<usize>, bool),
    /// Changes what can prove.
    Revoke,
    Wait(i64),
}

/// Checks that tokens need the last proof, soon, at its client, and an unchanged set of factors. A proof
/// yields tokens once, or three times in a row to a caller that names the sign-in.
#[expect(clippy::too_many_lines, reason = "one history, step by step")]
pub fn redemptions<P: Challenges + CustomFactorStore>(run: ModelRun<'_>, port: &P) {
    const CLIENT: &str = "client";
    #[derive(Debug)]
    struct Redeemable {
        sign_in: usize,
        is_named: bool,
        at: i64,
        taken: Vec<i64>,
    }
    let step = prop_oneof![
        3 => any::<bool>().prop_map(TokenStep::Prove),
        6 => (prop::option::of(0..2_usize), prop::bool::weighted(0.9))
            .prop_map(|(named, is_there)| TokenStep::Redeem(named, is_there)),
        1 => Just(TokenStep::Revoke),
        2 => pause(UNNAMED_PROOF_LIFE).prop_map(TokenStep::Wait),
        1 => pause(REPEAT.0).prop_map(TokenStep::Wait),
        1 => pause(PROOF_LIFE).prop_map(TokenStep::Wait),
    ];
    let nonce = |sign_in: usize| Nonce::parse(&format!("{sign_in:032x}")).expect("a nonce");
    run.check(prop::collection::vec(step, 1..25), async |number, steps| {
        let user = user("told-tokens", number);
        let (mut proof, mut sign_ins, mut now) = (None::<Redeemable>, 0, 0);
        let proven = Proven {
            password: true,
            native: [].into(),
            custom: [CustomFactor::Totp].into(),
            enrolled: false,
        };
        for step in steps {
            match step {
                TokenStep::Wait(seconds) => now += seconds,
                TokenStep::Revoke => {
                    works(port.revoke_devices(&user).await)?;
                    proof = None;
                }
                TokenStep::Prove(is_named) => {
                    sign_ins += 1;
                    let factor_epoch = works(port.custom_factors(&user).await)?.factor_epoch;
                    let comparison = Comparison {
                        factor: CustomFactor::Totp,
                        asked: None,
                        most: 5,
                        failure_scope: FailureScope::Factor,
                    };
                    let answer = AnswerWrite {
                        state_key: StateKey::User(user.clone()),
                        slot: ChallengeSlot { kind: SlotKind::Identified, index: 0 },
                        nonce: nonce(sign_ins),
                        client: CLIENT.into(),
                        round_index: 2,
                        digest: "digest".into(),
                        now: at(now),
                        until: at(now + 180),
                        claim: Some(SlotClaim::Identified { evicts: None }),
                        action: AnswerAction::Compare(comparison),
                    };
                    let answered = works(port.answer(&answer).await)?;
                    prop_assert!(matches!(answered, AnswerOutcome::Taken(_)), "{:?}", answered);
                    let grant = TokenGrant { client: CLIENT.into(), proven: proven.clone(), is_named };
                    let completed = Proof {
                        user: user.clone(),
                        slot: answer.slot,
                        nonce: answer.nonce.clone(),
                        round_index: 2,
                        factor: CustomFactor::Totp,
                        factor_epoch,
                        consumes: ConsumedCredential::Nothing,
                        forgives_name: false,
                        forgives_all: false,
                        enrols: None,
                        now: at(now),
                        grant: Some(grant),
                    };
                    prop_assert_eq!(works(port.prove(&completed).await)?, ProofOutcome::Done);
                    proof = Some(Redeemable { sign_in: sign_ins, is_named, at: now, taken: Vec::new() });
                }
                TokenStep::Redeem(ago, is_there) => {
                    let named = ago.map(|ago| sign_ins.saturating_sub(ago));
                    let redemption = GrantRedemption {
                        user: user.clone(),
                        client: if is_there { CLIENT } else { "other" }.into(),
                        nonce: named.map(nonce),
                        groups: [].into(),
                        now: at(now),
                    };
                    let redeemed = works(port.redeem(&redemption).await)?;
                    let good = proof.as_mut().filter(|_| is_there).filter(|proof| {
                        let age = SignedDuration::from_secs(now - proof.at);
                        match (named, proof.taken.as_slice()) {
                            (None, taken) => !proof.is_named && age <= UNNAMED_PROOF_LIFE && taken.is_empty(),
                            (Some(named), taken) => {
                                let first = SignedDuration::from_secs(now - taken.first().unwrap_or(&now));
                                let most = usize::try_from(REPEAT.1).expect("a small number");
                                let is_in_row = first <= REPEAT.0 && taken.len() < most;
                                named == proof.sign_in && age <= PROOF_LIFE && is_in_row
                            }
                        }
                    });
                    prop_assert_eq!(
                        redeemed.map(|redeemed| redeemed.proven),
                        good.is_some().then(|| proven.clone())
                    );
                    if let Some(proof) = good {
                        proof.taken.push(now);
                    }
                }
            }
        }
        Ok(())
    });
}

// ---- Budgets --------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum BudgetStep {
    LookUp,
    /// One of two hours, the trust, and the limits. The counts seen last decide the way.
    Increment(usize, TrustLevel, BudgetLimits),
    /// Gives back one of the increments that were taken.
    GiveBack(prop::sample::Index),
    Repay(u32, u32),
}

/// Checks that an increment is taken exactly if the limits permit it. The counts seen before may be absent,
/// outdated or current.
pub fn budgets(run: ModelRun<'_>, port: &dyn Budgets) {
    const HOURS: [u8; 2] = [9, 10];
    let limit = || prop_oneof![1 => Just(0), 4 => 1..6_u32, 2 => Just(90)];
    let limits = (limit(), limit(), limit(), limit(), limit()).prop_map(
        |(per_hour, per_day, open_per_hour, open_per_day, unverified)| BudgetLimits {
            per_hour,
            per_day,
            open_per_hour,
            open_per_day,
            unverified,
        },
    );
    let trust =
        prop::sample::select(vec![TrustLevel::Unverified, TrustLevel::Verified, TrustLevel::Established]);
    let step = prop_oneof![
        2 => Just(BudgetStep::LookUp),
        6 => (0..HOURS.len(), trust, limits).prop_map(|(hour, trust, limits)| BudgetStep::Increment(hour, trust, limits)),
        2 => any::<prop::sample::Index>().prop_map(BudgetStep::GiveBack),
        1 => (1..5_u32, 0..4_u32).prop_map(|(codes, most)| BudgetStep::Repay(codes, most)),
    ];
    run.check(prop::collection::vec(step, 1..40), async |number, steps| {
        let (user, channel) = (user("told-budgets", number), Channel::Sms);
        let day = jiff::civil::date(2026, 3, 1);
        let counter = BudgetCounter {
            channel,
            scope: BudgetScope::Country,
            name: format!("told-{number}"),
            shard: 0,
            day,
        };
        let (mut kept, mut seen) = ([None::<BudgetCounts>; 2], [None::<BudgetCounts>; 2]);
        let mut taken = Vec::<CounterIncrement>::new();
        for step in steps {
            match step {
                BudgetStep::LookUp => {
                    for (hour, (kept, seen)) in HOURS.into_iter().zip(kept.iter().zip(&mut seen)) {
                        let counters = std::slice::from_ref(&counter);
                        let (_, found) = works(port.read(&user, channel, hour, counters).await)?;
                        *seen = found.into_iter().next().flatten();
                        prop_assert_eq!(*seen, *kept);
                    }
                }
                BudgetStep::Increment(at, trust, limits) => {
                    let hour = *HOURS.get(at).expect("an hour");
                    let seen = seen.get(at).copied().flatten();
                    let increment = CounterIncrement { counter: counter.clone(), hour, trust, limits, seen };
                    let increments = std::slice::from_ref(&increment);
                    let reservation = Reservation { user: &user, channel, history: None, increments };
                    let booked = works(port.reserve(&reservation).await)?.increments.into_iter().next();
                    let answer = works(booked.expect("an outcome for each charge"))?;
                    let before = kept.get(at).copied().flatten().unwrap_or_default();
                    let refusal = limits.refuses(&before, trust);
                    let expected = refusal.map_or(IncrementOutcome::Counted, IncrementOutcome::Refused);
                    prop_assert_eq!(answer, expected);
                    if answer == IncrementOutcome::Counted {
                        count(&mut kept, at, trust, 1);
                        taken.push(increment);
                    }
                }
                BudgetStep::GiveBack(_) if taken.is_empty() => {}
                BudgetStep::GiveBack(index) => {
                    let increment = taken.swap_remove(index.index(taken.len()));
                    works(port.release_increment(&increment).await)?;
                    let at = HOURS.iter().position(|hour| *hour == increment.hour).expect("an hour");
                    count(&mut kept, at, increment.trust, -1);
                }
                // A user pays back only if codes to an unverified number were counted.
                BudgetStep::Repay(..)
                    if !taken.iter().any(|increment| increment.trust == TrustLevel::Unverified) => {}
                BudgetStep::Repay(codes, max_credit) => {
                    let credit = Credit { counter: counter.clone(), codes, max_credit };
                    works(port.credit(&credit).await)?;
                    for counts in kept.iter_mut().flatten() {
                        let left = counts.unverified - i64::from(codes);
                        if left >= -i64::from(max_credit) {
                            counts.unverified = left;
                        }
                    }
                }
            }
        }
        Ok(())
    });
}

/// Adds `one`, 1 or -1, to the hour at `at`. Counts by day change in both hours.
fn count(kept: &mut [Option<BudgetCounts>; 2], at: usize, trust: TrustLevel, one: i32) {
    let add =
        |count: &mut u32, counts: bool| *count = count.saturating_add_signed(if counts { one } else { 0 });
    let is_open = trust < TrustLevel::Established;
    for (hour, counts) in kept.iter_mut().enumerate() {
        let counts = counts.get_or_insert_default();
        add(&mut counts.day, true);
        add(&mut counts.open_day, is_open);
        add(&mut counts.hour, hour == at);
        add(&mut counts.open_hour, hour == at && is_open);
        counts.unverified += i64::from(if trust == TrustLevel::Unverified { one } else { 0 });
    }
}

// ---- Calls of a minute, codes to an address -------------------------------------------------------------

/// Checks that each minute counts as many calls as permitted, independent of earlier limits.
pub fn call_counts(run: ModelRun<'_>, port: &dyn RateCounts) {
    let step = (0..2_usize, 0..6_u32);
    run.check(prop::collection::vec(step, 1..30), async |number, steps| {
        let counter = RateCounter::User(user("told-calls", number));
        let mut sums = [0_u32; 2];
        for (minute, most) in steps {
            let start = at(i64::try_from(minute).expect("small") * 60);
            let answer = works(port.count(&counter, start, most).await)?;
            let so_far = sums.get_mut(minute).expect("one of them");
            prop_assert_eq!(answer, *so_far < most);
            *so_far += u32::from(answer);
        }
        Ok(())
    });
}

#[derive(Debug, Clone, Copy)]
enum AddressCodeStep {
    /// The wait in seconds.
    Take(i64),
    /// Whether the last request is given back, or one before it.
    GiveBack(bool),
    Wait(i64),
}

/// Checks that a channel is free after the wait, and at once if exactly its last request is given back.
pub fn verification_requests(run: ModelRun<'_>, port: &dyn VerificationRequests) {
    let step = prop_oneof![
        3 => (0..=60_i64).prop_map(AddressCodeStep::Take),
        1 => any::<bool>().prop_map(AddressCodeStep::GiveBack),
        3 => pause(SignedDuration::from_secs(60)).prop_map(AddressCodeStep::Wait),
    ];
    run.check(prop::collection::vec(step, 1..30), async |number, steps| {
        let (user, channel) = (user("told-codes", number), Channel::Email);
        let (mut taken, mut before, mut now) = (None::<i64>, None::<i64>, 0);
        for step in steps {
            match step {
                AddressCodeStep::Wait(seconds) => now += seconds,
                AddressCodeStep::Take(wait) => {
                    let answer = works(port.take(&user, channel, at(now), at(now - wait)).await)?;
                    let is_free = taken.is_none_or(|taken| taken <= now - wait);
                    prop_assert_eq!(answer, is_free);
                    if is_free {
                        (before, taken) = (taken.or(before), Some(now));
                    }
                }
                AddressCodeStep::GiveBack(is_last) => {
                    let Some(of) = (if is_last { taken } else { before }) else { continue };
                    works(port.give_back(&user, channel, at(of)).await)?;
                    taken = taken.filter(|taken| *taken != of);
                }
            }
        }
        Ok(())
    });
}
