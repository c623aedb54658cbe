//! What every implementation of a port promises. Run on the in-memory ports and on the adapters.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::Timestamp;
use shared::{
    audit::{Action, AuditTrail, Entry},
    factors::{
        Block, FactorState, NativeFactors, PreferenceChange, TotpSecret, TotpVerification, UserPoolFault,
    },
    kernel::{AccessToken, Factor, OneTimeCode, UserId},
    sign_in::{SignInLedger, Subject},
    sign_up::{ConfirmedUsers, Recorded},
};

use crate::{ManualClock, SeededEntropy};

const RACING: usize = 50;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a valid id")
}

/// Of racing and repeated confirmations exactly one is the first.
pub async fn confirmed_users(port: &dyn ConfirmedUsers) {
    let now = Timestamp::UNIX_EPOCH;
    let (alex, sam) = (user("confirmed-alex"), user("confirmed-sam"));
    let racing = join_all((0..RACING).map(|_| port.record(&alex, now))).await;
    let first = racing.into_iter().filter(|outcome| matches!(outcome, Ok(Recorded::First))).count();
    assert_eq!(first, 1, "of {RACING} racing confirmations one is the first");
    assert_eq!(port.record(&alex, now).await.expect("works"), Recorded::Before);
    assert_eq!(port.record(&sam, now).await.expect("works"), Recorded::First, "users do not share");
}

/// Racing attempts see different numbers; a completed sign-in and a reset start anew.
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

/// An entry is kept once and never changed. `count` tells how many the user has.
pub async fn audit_trail(port: &dyn AuditTrail, count: impl AsyncFn(&UserId) -> usize) {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
    let alex = user("audit-alex");
    let entry = |action| Entry::new(&clock, &entropy, alex.clone(), action).expect("works");
    let started = entry(Action::TotpStarted { replace: true });
    port.append(&started).await.expect("works");
    port.append(&started).await.expect("a repetition is no fault");
    assert_eq!(count(&alex).await, 1, "kept once");
    port.append(&entry(Action::TotpVerified)).await.expect("works");
    assert_eq!(count(&alex).await, 2, "one time, two entries: both kept");
    assert_eq!(count(&user("audit-sam")).await, 0, "users do not share");
}

/// The life of an authenticator of a user who has none yet. `code` computes what the app shows,
/// `revoke` signs the user out everywhere.
pub async fn native_factors(
    port: &dyn NativeFactors,
    token: &AccessToken,
    code: impl Fn(&TotpSecret) -> OneTimeCode,
    revoke: impl AsyncFnOnce(),
) {
    let totp = |enabled, preferred| PreferenceChange {
        blocks: [(Factor::Totp, Block { enabled, preferred })].into(),
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

    let on = FactorState { enabled: [Factor::Totp].into(), preferred: Some(Factor::Totp) };
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
