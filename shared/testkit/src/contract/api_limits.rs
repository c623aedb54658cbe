use futures::future::join_all;
use jiff::Timestamp;
use mfa_core::{
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    kernel::UserId,
};

use super::{RACING, user};
use crate::SeededEntropy;

/// Checks that exactly the permitted number of racing calls is counted. Kinds and windows are independent.
pub async fn call_counts(port: &dyn RateCounts) {
    let minute = |start| Timestamp::from_second(start).expect("a time");
    for counter in [
        RateCounter::User(user("calls-alex")),
        RateCounter::AdminReads(user("calls-alex")),
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
    let unclaimed = port.store_response(&alex, &key("none"), first, &late, at(1_000)).await.expect("works");
    assert_eq!(unclaimed, KeyRelease::TakenOver, "unclaimed has that key");

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
