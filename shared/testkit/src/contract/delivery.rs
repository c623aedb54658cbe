use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mfa_core::delivery::send_leases::{DeliveryId, Lease, SendFailure, SendLeases, SendOutcome};

use super::RACING;

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
