//! Contract tests of the ports. The in-memory ports and the adapters run the same tests.

mod challenges;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use shared::{
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    audit::{AuditAction, AuditEntry, AuditLog, AuditTrail, FactorEvent},
    config::Policy,
    delivery::{
        BudgetCounter, BudgetCounts, BudgetLimits, BudgetRefusal, BudgetScope, Budgets, Channel,
        CounterIncrement, Credit, DeliveryId, Destination, LastSend, Lease, Reservation, SendFailure,
        SendHistory, SendLeases, SendOutcome, TrustLevel, UnverifiedCodes,
    },
    factors::{
        AddressBook, AddressVerification, Block, DeviceId, DeviceLabels, DeviceRegistry, FactorState,
        FriendlyDeviceName, NativeFactors, PreferenceChange, TotpSecret, TotpVerification, UserPoolFault,
        VerificationRequests,
        custom::{
            Authenticator, Change, ChangeOutcome, CustomFactorStore, CustomFactors, DeviceKey, FactorId,
            MessageCodeSetting, MessageCodes, PoolFactorNote, RecoveryHash, SealedSeed, Seeds, TotpSeed,
            TrustedDevice,
        },
    },
    kernel::{AccessToken, EmailAddress, OneTimeCode, PhoneNumber, PoolFactor, UserId},
    sign_in::{Attempt, BackOff, History, SignInHistory, SignInLedger, Subject},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, ClaimCursor, ClaimReview, ClaimScan,
        ConfirmedUsers, FederatedIdentity, FederatedLinks, KnownAddress, OwnershipClaim, PassPhase,
        PassProgress, PassTotals, Recorded,
    },
};

pub use self::{
    challenges::challenges,
    recovery::{cases, recovery_codes, sign_in_records, tries, user_items},
};
use crate::{ManualClock, SeededEntropy, next_delivery};

const RACING: usize = 50;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a valid id")
}

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

/// Checks that an address belongs to one account. Before that, one candidate holds it for ten minutes, at
/// most three times a day.
pub async fn address_claims(port: &dyn AddressClaims) {
    let start = Timestamp::from_second(1_767_323_045).expect("a time within range");
    let after = |minutes| start.saturating_add(SignedDuration::from_mins(minutes)).expect("in range");
    let address = |name: &str| AddressKey::new(format!("address-{name}"));
    let candidate = |number: usize| CandidateKey::new(format!("candidate-{number}"));
    let claim = async |address: &AddressKey, by: usize, at| {
        port.claim(address, &candidate(by), at).await.expect("works")
    };
    let day = 24 * 60;

    let raced = address("raced");
    let names: Vec<_> = (0..RACING).map(candidate).collect();
    let racing = join_all(names.iter().map(|name| port.claim(&raced, name, start))).await;
    let outcomes: Vec<_> = racing.into_iter().map(|outcome| outcome.expect("works")).collect();
    let holder =
        outcomes.iter().position(|outcome| *outcome == AddressClaim::Reserved).expect("one holds it");
    let taken = outcomes.iter().filter(|outcome| **outcome == AddressClaim::Taken).count();
    assert_eq!(taken, RACING - 1, "of {RACING} racing candidates one holds it: {outcomes:?}");
    assert_eq!(claim(&raced, holder, after(9)).await, AddressClaim::Reserved, "its own, again");
    assert_eq!(claim(&raced, 99, after(9)).await, AddressClaim::Taken);
    // The holder has left. The address is free after ten minutes, which the holder's repetition did not
    // prolong.
    assert_eq!(claim(&raced, 99, after(10)).await, AddressClaim::Reserved);
    assert_eq!(claim(&raced, 98, after(20)).await, AddressClaim::Reserved, "the third of the day");
    assert_eq!(claim(&raced, 97, after(29)).await, AddressClaim::Taken);
    for by in [97, 96, holder] {
        assert_eq!(claim(&raced, by, after(30)).await, AddressClaim::Unreserved, "held off by nobody");
    }
    // The oldest of the three reservations is a day old, then the second.
    assert_eq!(claim(&raced, 95, after(day - 1)).await, AddressClaim::Unreserved);
    assert_eq!(claim(&raced, 94, after(day)).await, AddressClaim::Reserved);
    assert_eq!(claim(&raced, 93, after(day + 5)).await, AddressClaim::Taken);
    assert_eq!(claim(&raced, 93, after(day + 10)).await, AddressClaim::Reserved);
    assert_eq!(
        claim(&address("other"), 93, after(day)).await,
        AddressClaim::Reserved,
        "addresses do not share"
    );

    let users: Vec<_> = (0..RACING).map(|number| user(&format!("address-{number}"))).collect();
    let racing = join_all(users.iter().map(|user| port.confirm(&raced, user, after(31)))).await;
    let outcomes: Vec<_> = racing.into_iter().map(|outcome| outcome.expect("works")).collect();
    let owner = outcomes.iter().position(|outcome| *outcome == OwnershipClaim::Owned).expect("one has it");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == OwnershipClaim::Conflict).count(), RACING - 1);
    let confirm = async |number: usize| {
        let user = users.get(number).expect("a user");
        port.confirm(&raced, user, after(40)).await.expect("works")
    };
    assert_eq!(confirm(owner).await, OwnershipClaim::Owned, "however often");
    assert_eq!(confirm((owner + 1) % RACING).await, OwnershipClaim::Conflict);
    assert_eq!(claim(&raced, 1, after(400 * day)).await, AddressClaim::Taken, "for good");

    let freed = address("freed");
    let (owner, other) = (user("address-owner"), user("address-other"));
    let release = async |by: &UserId| port.release(&freed, by).await.expect("works");
    assert!(!release(&owner).await, "there is none");
    assert_eq!(port.confirm(&freed, &owner, start).await.expect("works"), OwnershipClaim::Owned);
    assert!(!release(&other).await, "another's");
    assert_eq!(claim(&freed, 1, after(400 * day)).await, AddressClaim::Taken);
    assert!(release(&owner).await);
    assert!(!release(&owner).await, "there is none any more");
    assert_eq!(claim(&freed, 1, after(400 * day)).await, AddressClaim::Reserved, "as if never claimed");
    assert!(!release(&owner).await, "reserved is not owned");
    assert_eq!(claim(&freed, 2, after(400 * day)).await, AddressClaim::Taken);
}

/// Checks that claims are reviewed, marked and found again, and that all see one progress of a pass.
pub async fn claims_review(claims: &dyn AddressClaims, review: &dyn ClaimScan) {
    let at = |second: i64| Timestamp::from_second(1_767_323_045 + second).expect("a time within range");
    let address = |name: &str| AddressKey::new(format!("review-{name}"));
    let known = |name: &str, by: &str, is_proven: bool| KnownAddress {
        address: address(name),
        user: user(&format!("review-{by}")),
        created: at(0),
        is_proven,
    };
    let look = async |known: KnownAddress, pass: i64, now: i64| {
        review.review(&known, at(pass), at(now)).await.expect("works")
    };
    let unseen = async |pass: i64| {
        let (mut found, mut place) = (Vec::new(), None);
        loop {
            let (page, next) = review.unseen(at(pass), place.as_ref()).await.expect("works");
            // Other tests keep claims in the same table.
            found.extend(page.into_iter().filter(|kept| kept.address.as_str().starts_with("review-")));
            let Some(next) = next else { break };
            place = Some(next);
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|kept| (kept.address.as_str().to_owned(), kept.since.as_second() - at(0).as_second()))
            .collect();
        found.sort();
        found
    };
    for (number, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let since = i64::try_from(number).expect("small");
        let owned = claims.confirm(&address(name), &user("review-alex"), at(since)).await.expect("works");
        assert_eq!(owned, OwnershipClaim::Owned);
    }
    let owner = user("review-alex");
    assert_eq!(look(known("a", "alex", true), 4, 9).await, ClaimReview::Right);
    assert_eq!(
        look(known("b", "alex", false), 4, 9).await,
        ClaimReview::Right,
        "whose it is keeps it, unproven"
    );
    assert_eq!(look(known("c", "sam", true), 4, 9).await, ClaimReview::Others { owner, since: at(2) });
    assert_eq!(look(known("d", "sam", false), 4, 9).await, ClaimReview::NotTheirs);
    assert_eq!(look(known("none", "sam", false), 4, 9).await, ClaimReview::NotTheirs, "and none is made");
    assert_eq!(look(known("new", "sam", true), 4, 9).await, ClaimReview::Made);
    assert_eq!(look(known("new", "sam", true), 4, 10).await, ClaimReview::Right, "since it was made");
    let held = CandidateKey::new("review-candidate".to_owned());
    claims.claim(&address("held"), &held, at(0)).await.expect("works");
    assert_eq!(
        unseen(4).await,
        [("review-c".to_owned(), 2), ("review-d".to_owned(), 3)],
        "e and f are young"
    );
    let all = ["a", "b", "c", "d", "e", "f", "new"].map(|name| format!("review-{name}"));
    let found: Vec<_> = unseen(20).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, all, "a pass sees nothing of the one before");
    // A reservation gives way to a proven address.
    assert_eq!(look(known("held", "sam", true), 20, 21).await, ClaimReview::Made);
    let candidate = CandidateKey::new("review-other".to_owned());
    let claimed = claims.claim(&address("held"), &candidate, at(90_000)).await.expect("works");
    assert_eq!(claimed, AddressClaim::Taken);

    assert_eq!(review.progress().await.expect("works"), None);
    let progress = |revision: u64, phase: PassPhase| PassProgress {
        revision,
        pass: at(4),
        fingerprint: "f".to_owned(),
        phase,
        done: PassTotals { users: 60, made: 1, freed: 2, conflicts: 3 },
    };
    let keep = async |progress: &PassProgress, after: Option<u64>| {
        review.keep(progress, after).await.expect("works")
    };
    let first = progress(1, PassPhase::Listing(Some("token".to_owned())));
    let racing = join_all((0..RACING).map(|_| review.keep(&first, None))).await;
    assert_eq!(racing.into_iter().filter(|kept| matches!(kept, Ok(true))).count(), 1, "one begins a pass");
    let second =
        progress(2, PassPhase::Sweeping(Some(ClaimCursor { pk: "p".to_owned(), sk: "s".to_owned() })));
    assert!(!keep(&second, None).await && !keep(&second, Some(7)).await);
    assert_eq!(review.progress().await.expect("works"), Some(first));
    assert!(keep(&second, Some(1)).await);
    assert!(!keep(&second, Some(1)).await);
    assert_eq!(review.progress().await.expect("works"), Some(second));
}

/// Checks the links of identities. The accounts are `alex` (alex@example.com), and `one`, `two` and `three`
/// (many@example.com). The port finds at most two accounts of an address. The account found gets the identity
/// `1000` of Google.
pub async fn federated_links(port: &dyn FederatedLinks, user_pool_id: &str) {
    let accounts = async |email: &str| {
        let email = EmailAddress::parse(email).expect("an address");
        port.accounts(user_pool_id, &email).await.expect("works")
    };
    assert_eq!(accounts("alex@example.com").await, ["alex"]);
    assert_eq!(accounts("nobody@example.com").await, Vec::<String>::new());
    assert_eq!(accounts("many@example.com").await.len(), 2, "more are not counted");
    let identity = FederatedIdentity { provider: "Google".into(), subject: "1000".into() };
    port.link(user_pool_id, "alex", &identity).await.expect("works");
    assert!(port.link(user_pool_id, "nobody", &identity).await.is_err(), "no such account");
}

/// Checks that one holder at a time has the send lease of a delivery. The next holder follows if the first
/// one dies. A settled delivery has no further holder.
pub async fn claims(port: &dyn SendLeases) {
    let id = |request| DeliveryId::new("pool", "alex", "CustomSMSSender_SignUp", request);
    let start = Timestamp::from_millisecond(1_767_323_045_123).expect("a time within range");
    let lease = SignedDuration::from_millis(6_001);
    let after =
        |milliseconds| start.saturating_add(SignedDuration::from_millis(milliseconds)).expect("in range");
    let claim = async |id: &DeliveryId, now: Timestamp| {
        port.acquire(id, now, now.saturating_add(lease).expect("in range")).await.expect("works")
    };
    let granted = |attempt| Lease::Acquired { attempt, first_seen: start };

    let one = id("racing");
    let racing = join_all((0..RACING).map(|_| claim(&one, start))).await;
    let won = racing.iter().filter(|claim| **claim == granted(1)).count();
    let held = racing.iter().filter(|claim| **claim == Lease::Held { until: after(6_001) }).count();
    assert_eq!((won, held), (1, RACING - 1), "one of {RACING} racing claims is granted");
    assert_eq!(claim(&id("another"), start).await, granted(1), "deliveries do not share");

    assert_eq!(claim(&one, after(6_000)).await, Lease::Held { until: after(6_001) });
    let racing = join_all((0..RACING).map(|_| claim(&one, after(6_001)))).await;
    let won = racing.iter().filter(|claim| **claim == granted(2)).count();
    assert_eq!(won, 1, "whoever does not settle in time is followed by one");

    let failed = SendOutcome::Failed(SendFailure::NoProvider);
    port.complete(&one, 1, failed, after(6_100)).await.expect("works");
    let held = claim(&one, after(6_200)).await;
    assert_eq!(held, Lease::Held { until: after(12_002) }, "who lost the claim can't end it by failing");
    port.complete(&one, 2, failed, after(6_300)).await.expect("works");
    assert_eq!(claim(&one, after(60_000)).await, Lease::Completed);

    let two = id("sent by who lost it");
    assert_eq!(claim(&two, start).await, granted(1));
    assert_eq!(claim(&two, after(7_000)).await, granted(2));
    port.complete(&two, 1, SendOutcome::Sent { provider: "sns" }, after(7_100)).await.expect("works");
    assert_eq!(claim(&two, after(60_000)).await, Lease::Completed, "a message that was sent is sent");
}

/// Checks that an entry is kept once and never changed. `count` returns the number of the user's entries.
pub async fn audit_trail(port: &dyn AuditTrail, count: impl AsyncFn(&UserId) -> usize) {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
    let alex = user("audit-alex");
    let entry = |action| AuditEntry::new(&clock, &entropy, alex.clone(), action).expect("works");
    let started = entry(AuditAction::TotpStarted { replace: true });
    port.append(&started).await.expect("works");
    port.append(&started).await.expect("a repetition is no fault");
    assert_eq!(count(&alex).await, 1, "kept once");
    port.append(&entry(AuditAction::TotpVerified)).await.expect("works");
    assert_eq!(count(&alex).await, 2, "one time, two entries: both kept");
    assert_eq!(count(&user("audit-sam")).await, 0, "users do not share");
}

/// Checks that the newest line comes first, and that each line comes once over all pages.
pub async fn audit_log<T: AuditTrail + AuditLog>(port: &T) {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(2));
    let (alex, sam) = (user("log-alex"), user("log-sam"));
    let actions = [
        AuditAction::TotpStarted { replace: false },
        AuditAction::TotpVerified,
        AuditAction::PreferenceChanged { factor: PoolFactor::Totp, enabled: true, preferred: true },
        AuditAction::CustomFactor { event: FactorEvent::EmailVerified, id: None },
        AuditAction::NewDeviceUsed,
    ];
    assert_eq!(port.newest(&alex, None, 9).await.expect("works"), []);
    for action in actions {
        let entry = AuditEntry::new(&clock, &entropy, alex.clone(), action).expect("works");
        port.append(&entry).await.expect("works");
        clock.advance(SignedDuration::from_secs(1));
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = port.newest(&alex, before, 2).await.expect("works");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    let names: Vec<_> = seen.iter().map(|line| line.action.as_str()).collect();
    let expected =
        ["new-device-used", "email-verified", "preference-changed", "totp-verified", "totp-started"];
    assert_eq!(names, expected, "the newest first, each once");
    assert_eq!(seen.iter().filter_map(|line| line.factor).collect::<Vec<_>>(), [PoolFactor::Totp]);
    assert_eq!(seen.last().map(|line| line.at), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(port.newest(&sam, None, 9).await.expect("works"), [], "users do not share");
}

/// Checks that each device has one label, and that users do not change each other's labels.
pub async fn device_labels(port: &dyn DeviceLabels) {
    let (alex, sam) = (user("labels-alex"), user("labels-sam"));
    let id = |digit: char| {
        let text = "us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789".to_owned() + &digit.to_string();
        DeviceId::parse(&text).expect("an id")
    };
    let name = |text: &str| FriendlyDeviceName::parse(text).expect("a name");
    assert_eq!(port.labels(&alex).await.expect("works"), BTreeMap::new());
    let racing = ('0'..='9').map(|digit| (id(digit), name("Laptop")));
    let racing: Vec<_> = racing.collect();
    join_all(racing.iter().map(|(id, name)| port.label(&alex, id, Some(name)))).await;
    assert_eq!(port.labels(&alex).await.expect("works"), racing.into_iter().collect(), "none is lost");
    for digit in '1'..='9' {
        port.label(&alex, &id(digit), None).await.expect("works");
    }
    port.label(&alex, &id('0'), Some(&name("Desk"))).await.expect("works");
    port.label(&sam, &id('0'), None).await.expect("there is none, and that is no fault");
    assert_eq!(port.labels(&alex).await.expect("works"), BTreeMap::from([(id('0'), name("Desk"))]));
    assert_eq!(port.labels(&sam).await.expect("works"), BTreeMap::new(), "users do not share");
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
            .filter_map(|outcome| outcome.err())
            .map(|refused| format!("{refused:?}"))
            .collect();
        (outcomes.iter().filter(|outcome| outcome.is_ok()).count(), refused.into_iter().next())
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
            assert_eq!(charge_one(&other).await, Ok(()), "counters do not share");
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
    assert_eq!(charge_one(&unverified).await, Err(BudgetRefusal::NothingVerified));
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
            outcomes.filter(|outcome| outcome.as_ref().expect("works").is_ok()).count()
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

/// Checks that exactly the permitted number of racing calls is counted. Kinds and windows are independent.
pub async fn call_counts(port: &dyn RateCounts) {
    let minute = |start| Timestamp::from_second(start).expect("a time");
    for counter in [
        RateCounter::User(user("calls-alex")),
        RateCounter::AdminLooks(user("calls-alex")),
        RateCounter::AdminChanges(user("calls-alex")),
        RateCounter::Address("calls-hash".into()),
    ] {
        let racing = join_all((0..RACING).map(|_| port.count(&counter, minute(60), 7))).await;
        let counted = racing.into_iter().filter(|outcome| matches!(outcome, Ok(true))).count();
        assert_eq!(counted, 7, "of {RACING} racing calls");
        assert!(!port.count(&counter, minute(60), 7).await.expect("works"));
        assert!(port.count(&counter, minute(60), 8).await.expect("works"), "what is refused is not counted");
        assert!(port.count(&counter, minute(120), 1).await.expect("works"), "the next minute");
    }
    let other = RateCounter::User(user("calls-sam"));
    assert!(port.count(&other, minute(60), 1).await.expect("works"), "users do not share");
}

/// Checks that one of racing claims is granted. The others see what was requested, and its response.
pub async fn requests(port: &dyn IdempotencyStore) {
    let at = |second| Timestamp::from_second(second).expect("a time");
    let key = |text| IdempotencyKey::parse(text).expect("a key");
    let (alex, sam) = (user("requests-alex"), user("requests-sam"));
    let asked = RequestHash::new("POST", "/mfa/totp", b"{}");
    let other = RequestHash::new("POST", "/mfa/totp", b"");
    let entropy = SeededEntropy::new(11);
    let draw = || KeyHolder::draw(&entropy).expect("works");
    let claim_as = async |holder: &KeyHolder, user: &UserId, request: &RequestHash, now| {
        port.claim(user, &key("a"), holder, request, at(now), at(now + 35)).await.expect("works")
    };
    let claim = async |user: &UserId, request: &RequestHash, now| claim_as(&draw(), user, request, now).await;
    let holders: Vec<_> = (0..RACING).map(|_| draw()).collect();
    let racing = join_all(holders.iter().map(|holder| claim_as(holder, &alex, &asked, 100))).await;
    assert_eq!(racing.iter().filter(|claim| **claim == KeyClaim::Granted).count(), 1);
    let running = KeyClaim::Taken { request: asked.clone(), ended: None };
    assert_eq!(racing.iter().filter(|claim| **claim == running).count(), RACING - 1);
    let won = racing.iter().zip(&holders).find(|(claim, _)| **claim == KeyClaim::Granted);
    let first = won.expect("one is granted").1;
    assert_eq!(claim_as(first, &alex, &asked, 101).await, KeyClaim::Granted, "its own, said again");
    assert_eq!(claim(&sam, &other, 100).await, KeyClaim::Granted, "users do not share");
    assert_eq!(claim(&alex, &other, 135).await, running, "it is the first one's");
    let second = draw();
    let overtaken = claim_as(&second, &alex, &asked, 136).await;
    assert_eq!(overtaken, KeyClaim::Granted, "the claim has run out");

    // A caller whose claim has run out can neither complete nor release another caller's claim.
    let late = StoredResponse { status: 200, answer: Some("late".to_owned()) };
    let settle = async |holder: &KeyHolder, ended: &StoredResponse| {
        port.store_response(&alex, &key("a"), holder, ended, at(1_000)).await.expect("works")
    };
    let release = async |holder: &KeyHolder| port.release(&alex, &key("a"), holder).await.expect("works");
    assert_eq!(settle(first, &late).await, KeyRelease::TakenOver);
    assert_eq!(claim(&alex, &asked, 137).await, running, "not ended");
    assert_eq!(release(first).await, KeyRelease::TakenOver);
    assert_eq!(claim(&alex, &asked, 137).await, running, "not free");
    let nobody = port.store_response(&alex, &key("none"), first, &late, at(1_000)).await.expect("works");
    assert_eq!(nobody, KeyRelease::TakenOver, "nobody has that key");

    for (status, answer) in [(204, None), (201, Some("{}".to_owned()))] {
        let ended = StoredResponse { status, answer };
        assert_eq!(settle(&second, &ended).await, KeyRelease::Done);
        let seen = KeyClaim::Taken { request: asked.clone(), ended: Some(ended) };
        assert_eq!(claim(&alex, &other, 999).await, seen);
    }
    let third = draw();
    assert_eq!(claim_as(&third, &alex, &other, 1_000).await, KeyClaim::Granted, "forgotten");
    let anew = KeyClaim::Taken { request: other.clone(), ended: None };
    assert_eq!(claim(&alex, &asked, 1_001).await, anew, "nothing is left of before");
    assert_eq!(release(&third).await, KeyRelease::Done);
    assert_eq!(claim(&alex, &asked, 1_002).await, KeyClaim::Granted, "given back");
}

/// Checks that custom factors are read as they were written, and that one of racing changes succeeds. A time
/// step is used up once, and revoked devices are absent.
pub async fn custom_factors(port: &dyn CustomFactorStore) {
    let (alex, sam) = (user("own-alex"), user("own-sam"));
    let kept = async |user: &UserId| port.custom_factors(user).await.expect("works");
    let change = async |seen, change: &Change| port.change(&alex, seen, change).await.expect("works");
    assert_eq!(kept(&alex).await, CustomFactors::default(), "nothing is set up");

    let at = |second| Timestamp::from_second(second).expect("a time");
    let id = |digit: char| FactorId::parse(&String::from(digit).repeat(32)).expect("an id");
    let name = |text| FriendlyDeviceName::parse(text).expect("a name");
    let phone = Authenticator {
        name: name("Phone"),
        seed: SealedSeed::new(vec![0, 255, 7]),
        created_at: at(10),
        is_confirmed: false,
    };
    let start = Change { authenticators: Some([(id('a'), phone.clone())].into()), ..Change::default() };
    let racing = join_all((0..RACING).map(|_| port.change(&alex, 0, &start))).await;
    let done = racing.into_iter().filter(|outcome| matches!(outcome, Ok(ChangeOutcome::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing changes one is done");
    let mut expected = CustomFactors::default().changed(&start);
    assert_eq!((expected.revision, expected.factor_epoch), (1, 0), "nothing proves yet");
    assert_eq!(kept(&alex).await, expected);

    let confirm = Change {
        authenticators: Some([(id('a'), Authenticator { is_confirmed: true, ..phone })].into()),
        step: Some(7),
        begins_new_epoch: true,
        ..Change::default()
    };
    assert_eq!(change(0, &confirm).await, ChangeOutcome::Overtaken, "what was read is out of date");
    assert_eq!(change(1, &confirm).await, ChangeOutcome::Done);
    expected = expected.changed(&confirm);
    assert_eq!(kept(&alex).await, expected);
    for step in [6, 7] {
        let replayed = Change { step: Some(step), ..confirm.clone() };
        assert_eq!(change(2, &replayed).await, ChangeOutcome::Overtaken, "step {step} is used up");
    }
    assert_eq!(kept(&alex).await, expected, "nothing is written");

    let laptop = TrustedDevice {
        name: name("Laptop"),
        key: DeviceKey::from_coordinates(
            // The key of RFC 7517, A.1.
            "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        )
        .expect("a key"),
        created_at: at(20),
        expires_at: at(30),
    };
    let hashes = |names: [&str; 2]| names.map(|name| RecoveryHash::from_stored(name.repeat(16)));
    let full = Change {
        devices: Some([(id('b'), laptop)].into()),
        recovery: Some(hashes(["01", "02"]).into()),
        step: Some(8),
        begins_new_epoch: true,
        ..Change::default()
    };
    assert_eq!(change(2, &full).await, ChangeOutcome::Done);
    expected = expected.changed(&full);
    assert_eq!(kept(&alex).await, expected);

    let racing = join_all((0..RACING).map(|_| port.revoke_devices(&alex))).await;
    assert!(racing.iter().all(Result::is_ok));
    let racing = u64::try_from(RACING).expect("a small number");
    expected.devices.clear();
    (expected.factor_epoch, expected.revision) = (expected.factor_epoch + racing, expected.revision + racing);
    assert_eq!(kept(&alex).await, expected, "whoever read it before must read again");

    port.mark_pool_totp_replaced(&alex, at(40)).await.expect("works");
    (expected.factor_epoch, expected.revision) = (expected.factor_epoch + 1, expected.revision + 1);
    let stopped = CustomFactors { pool_totp_stopped_at: Some(at(40)), ..expected.clone() };
    assert_eq!(kept(&alex).await, stopped, "trust ends with the authenticator");
    port.mark_pool_totp_active(&alex).await.expect("works");
    assert_eq!(kept(&alex).await, expected);
    port.mark_pool_totp_active(&sam).await.expect("nothing to note, and that is no fault");

    let empty = Change {
        authenticators: Some([].into()),
        recovery: Some([].into()),
        devices: Some([].into()),
        ..Change::default()
    };
    assert_eq!(change(expected.revision, &empty).await, ChangeOutcome::Done);
    assert_eq!(kept(&alex).await, expected.changed(&empty));

    assert_eq!(kept(&sam).await, CustomFactors::default(), "users do not share");
    port.revoke_devices(&sam).await.expect("works");
    let revoked = CustomFactors { factor_epoch: 1, revision: 1, ..CustomFactors::default() };
    assert_eq!(kept(&sam).await, revoked, "an epoch begins where nothing is set up");

    pool_factor_notes(port).await;
}

/// Checks the notes about pool factors, and what a new epoch of factors clears.
async fn pool_factor_notes(port: &dyn CustomFactorStore) {
    let kept = async |user: &UserId| port.custom_factors(user).await.expect("works");
    let at = |second| Timestamp::from_second(second).expect("a time");
    let kim = user("own-kim");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(50))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(60))).await.expect("works");
    let known =
        CustomFactors { pool_factor_since: Some(at(50)), had_factor: true, ..CustomFactors::default() };
    assert_eq!(kept(&kim).await, known, "since the first time");
    port.note_pool_factor(&kim, PoolFactorNote::Missing).await.expect("works");
    assert_eq!(kept(&kim).await, CustomFactors { pool_factor_since: None, ..known.clone() });
    port.note_pool_factor(&kim, PoolFactorNote::On(at(70))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::TurnedOff).await.expect("works");
    assert_eq!(kept(&kim).await, CustomFactors::default(), "by right: the user may begin anew");
    let codes = Change {
        recovery: Some([RecoveryHash::from_stored("0".repeat(32))].into()),
        had_factor: Some(true),
        ..Change::default()
    };
    port.change(&kim, 0, &codes).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(80))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::TurnedOff).await.expect("works");
    let left = kept(&kim).await;
    assert_eq!((left.pool_factor_since, left.had_factor), (None, true), "custom factors are left");
    let settings = MessageCodes { email: MessageCodeSetting::Off, sms: MessageCodeSetting::On };
    let set = Change { message_codes: Some(settings), ..Change::default() };
    port.change(&kim, left.revision, &set).await.expect("works");
    assert_eq!(kept(&kim).await.message_codes, settings);
    port.note_pool_factor(&kim, PoolFactorNote::On(at(90))).await.expect("works");
    port.change(&kim, left.revision + 1, &Change::reset()).await.expect("works");
    let reset = CustomFactors { factor_epoch: 1, revision: left.revision + 2, ..CustomFactors::default() };
    assert_eq!(kept(&kim).await, reset, "nothing is left");
}

/// Checks that a seed opens for the user for whom it was sealed, and for no other user.
pub async fn seeds(port: &dyn Seeds) {
    let (alex, sam) = (user("seeds-alex"), user("seeds-sam"));
    let seed = TotpSeed::generate(&SeededEntropy::new(7)).expect("works");
    let sealed = port.seal(&alex, &seed).await.expect("works");
    let opened = port.open(&alex, &sealed).await.expect("its own user");
    assert_eq!(opened.expose(), seed.expose());
    assert!(port.open(&sam, &sealed).await.is_err(), "another user");
    let mut changed = sealed.as_bytes().to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    assert!(port.open(&alex, &SealedSeed::new(changed)).await.is_err(), "a changed byte");
    assert!(port.open(&alex, &SealedSeed::new(Vec::new())).await.is_err());
}

/// Checks the life of an authenticator of a user without one. `code` computes the code that the app shows.
/// `revoke` signs the user out everywhere.
pub async fn native_factors(
    port: &dyn NativeFactors,
    token: &AccessToken,
    code: impl Fn(&TotpSecret) -> OneTimeCode,
    revoke: impl AsyncFnOnce(),
) {
    let totp = |enabled, preferred| PreferenceChange {
        blocks: [(PoolFactor::Totp, Block { enabled, preferred })].into(),
    };
    let factors = async || port.profile(token).await.expect("a valid token").factors;
    let verify = async |code: &OneTimeCode| port.verify_totp(token, code, None).await.expect("a valid token");
    let wrong = OneTimeCode::parse("000000").expect("a code");

    assert_eq!(factors().await, FactorState::default());
    assert_eq!(verify(&wrong).await, TotpVerification::NotStarted);
    let unverified = port.set_preference(token, &totp(true, true)).await;
    assert!(matches!(unverified, Err(UserPoolFault::FactorNotSetUp)), "{unverified:?}");

    let secret = port.associate_totp(token).await.expect("a valid token");
    assert!(secret.expose().len() >= 32, "at least 160 bits");
    let right = code(&secret);
    assert_eq!(verify(&wrong).await, TotpVerification::WrongCode);
    assert_eq!(verify(&right).await, TotpVerification::Verified);
    let again = verify(&right).await;
    assert!(
        matches!(again, TotpVerification::AlreadyUsed | TotpVerification::WrongCode),
        "a code works once: {again:?}"
    );
    assert_eq!(factors().await, FactorState::default(), "registered is not yet asked for");

    let on = FactorState { enabled: [PoolFactor::Totp].into(), preferred: Some(PoolFactor::Totp) };
    port.set_preference(token, &totp(true, true)).await.expect("a verified authenticator");
    assert_eq!(factors().await, on);
    port.set_preference(token, &PreferenceChange::default()).await.expect("nothing asked");
    assert_eq!(factors().await, on, "a factor without a block stays as it is");
    port.set_preference(token, &totp(true, false)).await.expect("a verified authenticator");
    assert_eq!(factors().await, FactorState { preferred: None, ..on });
    port.set_preference(token, &totp(false, false)).await.expect("a verified authenticator");
    assert_eq!(factors().await, FactorState::default());

    revoke().await;
    assert!(matches!(port.profile(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.associate_totp(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.set_preference(token, &totp(true, true)).await, Err(UserPoolFault::NotSignedIn)));
}

/// Checks that one of racing requests takes a channel. The channel is free after the wait, or when exactly
/// this request is given back.
pub async fn verification_requests(port: &dyn VerificationRequests) {
    let (alex, sam) = (user("address-codes-alex"), user("address-codes-sam"));
    let at = |millisecond| Timestamp::from_millisecond(millisecond).expect("a time");
    let take = async |user: &UserId, channel, now| {
        port.take(user, channel, at(now), at(now - 60_000)).await.expect("works")
    };
    let racing = join_all((0..RACING).map(|_| take(&alex, Channel::Email, 100_000))).await;
    assert_eq!(racing.into_iter().filter(|taken| *taken).count(), 1);
    assert!(take(&alex, Channel::Sms, 100_000).await, "channels do not share");
    assert!(take(&sam, Channel::Email, 100_000).await, "users do not share");
    assert!(!take(&alex, Channel::Email, 159_999).await);
    assert!(take(&alex, Channel::Email, 160_000).await);
    port.give_back(&alex, Channel::Email, at(100_000)).await.expect("works");
    assert!(!take(&alex, Channel::Email, 160_001).await, "an earlier one is not this one");
    port.give_back(&alex, Channel::Email, at(160_000)).await.expect("works");
    assert!(take(&alex, Channel::Email, 160_002).await);
    port.give_back(&user("address-codes-nobody"), Channel::Email, at(0)).await.expect("works");
}

/// Checks the address book of a user with a verified e-mail address and no phone number. `sent` returns the
/// newest code sent to an address. `revoke` acts as `GlobalSignOut`.
pub async fn address_book(
    port: &dyn AddressBook,
    token: &AccessToken,
    sent: impl Fn(&Destination) -> OneTimeCode,
    revoke: impl AsyncFnOnce(),
) {
    let verify =
        async |channel, code: &OneTimeCode| port.verify(token, channel, code).await.expect("a valid token");
    let wrong = OneTimeCode::parse("000000").expect("a code");
    let none = port.send_code(token, Channel::Sms).await;
    assert!(matches!(none, Err(UserPoolFault::NoAddress)), "{none:?}");
    assert_eq!(verify(Channel::Sms, &wrong).await, AddressVerification::Expired, "none was sent");

    let email = EmailAddress::parse("alex-anew@example.com").map(Destination::Email).expect("an address");
    let number = PhoneNumber::parse("+12025550187").map(Destination::Sms).expect("a number");
    for to in [email, number] {
        let channel = to.channel();
        if !port.change(token, &to).await.expect("a valid token") {
            port.send_code(token, channel).await.expect("an address");
        }
        assert_eq!(verify(channel, &wrong).await, AddressVerification::WrongCode);
        let code = sent(&to);
        assert_eq!(verify(channel, &code).await, AddressVerification::Verified);
        let again = verify(channel, &code).await;
        assert_ne!(again, AddressVerification::Verified, "a code is good once");
    }
    revoke().await;
    for channel in [Channel::Email, Channel::Sms] {
        let sent = port.send_code(token, channel).await;
        assert!(matches!(sent, Err(UserPoolFault::NotSignedIn)), "{sent:?}");
    }
}

/// Checks the remembered devices of a user. `devices` are more than Cognito returns in one page, and the
/// first of them is remembered.
pub async fn device_registry(
    port: &dyn DeviceRegistry,
    token: &AccessToken,
    devices: &[DeviceId],
    revoke: impl AsyncFnOnce(),
) {
    let kept = async || -> BTreeMap<DeviceId, bool> {
        let kept = port.devices(token).await.expect("a valid token");
        kept.into_iter().map(|device| (device.id, device.is_remembered)).collect()
    };
    assert!(devices.len() > 60);
    assert!(kept().await.keys().eq(devices.iter().collect::<BTreeSet<_>>()), "all of them");
    let (first, second) = (devices.first().expect("there are"), devices.get(1).expect("there are"));
    for remember in [false, true, true] {
        port.remember(token, first, remember).await.expect("it is there");
        assert_eq!(kept().await.get(first), Some(&remember));
    }
    port.forget(token, second).await.expect("it is there");
    let left = kept().await;
    assert_eq!((left.len(), left.contains_key(second)), (devices.len() - 1, false));
    for gone in [port.forget(token, second).await, port.remember(token, second, true).await] {
        assert!(matches!(gone, Err(UserPoolFault::DeviceNotFound)), "{gone:?}");
    }
    revoke().await;
    assert!(matches!(port.devices(token).await, Err(UserPoolFault::NotSignedIn)));
    assert!(matches!(port.forget(token, first).await, Err(UserPoolFault::NotSignedIn)));
}
