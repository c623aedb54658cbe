//! The response to a completed write is lost. The client retries and must recognize its own write.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    delivery::{
        Purpose,
        send_leases::{Lease, SendLeases},
        toll_fraud::{AdmissionDecision, AdmissionRequest, Destination, GovernorSettings, NotSent},
    },
    factors::custom::{Change, ChangeOutcome, CustomFactorStore as _, RecoveryHash},
    kernel::{PhoneNumber, UserId},
    recovery::{
        CaseKey,
        case::{Case, CaseSubject},
        port::{Cases as _, SwapOutcome},
    },
};
use mfa_testkit::{Deployed, ServedTable, next_delivery};
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

async fn stage() -> (ServedTable, Deployed, Arc<Table>) {
    let served = ServedTable::metered(ServedTable::empty()).await;
    // Half of each limit is for established numbers: one message an hour.
    let deployed = Deployed::at(
        &served.endpoint,
        "[sms.destination]\nper_hour = 2\n[governor]\ncodes_before_cool_down = 1\n",
    );
    let table = Arc::new(Table::new(&Aws::new(deployed.read(AwsSettings::read)).unwrap()));
    (served, deployed, table)
}

#[tokio::test]
async fn a_lost_answer_of_a_lease_is_recognised() {
    let (served, _deployed, table) = stage().await;
    let (id, until) = (next_delivery(), NOW + SignedDuration::from_secs(6));
    served.lose_answer_to_write("UpdateItem");
    let started = Instant::now();
    let granted = SendLeases::acquire(&*table, &id, NOW, until).await.unwrap();
    assert_eq!(granted, Lease::Acquired { attempt: 1, first_seen: NOW });
    assert!(started.elapsed() < Duration::from_secs(2), "the holder of a lease does not wait for it");
    assert_eq!(served.spent().requests, 2, "the answer was lost");
    let other = SendLeases::acquire(&*table, &id, NOW, until).await.unwrap();
    assert_eq!(other, Lease::Held { until }, "somebody else");
}

#[tokio::test]
async fn a_message_that_was_booked_is_admitted() {
    let (served, deployed, table) = stage().await;
    let governor = deployed.read(GovernorSettings::read).governor(table);
    let admission = AdmissionRequest {
        user: UserId::parse("alex").unwrap(),
        destination: Destination::Sms(PhoneNumber::parse("+4915123456789").unwrap()),
        is_verified: true,
        purpose: Purpose::Authentication,
    };
    // First the history and six counters are created, which must not exist before. Then they are updated,
    // which must not have changed before. Each round reads, writes, writes again after the loss, and reads
    // the result. A counter's first message of a day or an hour is written again alone, unless the result
    // shows that the first try filled it.
    for (seconds, requests) in [(0, 4 + 6), (3_600, 4 + 5)] {
        let now = NOW + SignedDuration::from_secs(seconds);
        let admitted = next_delivery();
        served.spent();
        served.lose_answer_to_write("BatchExecuteStatement");
        let verdict = governor.admit(&admitted, &admission, now).await.unwrap();
        assert!(matches!(verdict, AdmissionDecision::Admitted(_)), "{verdict:?}");
        assert_eq!(served.spent().requests, requests);
        let AdmissionDecision::Withheld(withheld) =
            governor.admit(&next_delivery(), &admission, now).await.unwrap()
        else {
            panic!("another message, at once")
        };
        assert_eq!(withheld.reason, NotSent::CoolDown);
    }
}

/// A retry after a lost answer reports success. The same change of another caller reports that it was
/// overtaken.
#[tokio::test]
async fn a_lost_answer_of_a_factor_change_is_recognised() {
    let (served, _deployed, table) = stage().await;
    let user = UserId::parse("alex").unwrap();
    let recovery =
        |code: &str| Change { recovery: Some([RecoveryHash::from_stored(code)].into()), ..Change::default() };
    for (seen, code) in [(0, "one"), (1, "two")] {
        served.lose_answer_to_write("UpdateItem");
        assert_eq!(table.change(&user, seen, &recovery(code)).await.unwrap(), ChangeOutcome::Done);
        assert_eq!(served.spent().requests, 2, "the answer was lost");
        // Another caller makes the same change after reading the same state.
        assert_eq!(table.change(&user, seen, &recovery(code)).await.unwrap(), ChangeOutcome::Overtaken);
        served.spent();
    }
    assert_eq!(table.custom_factors(&user).await.unwrap().revision, 2);
}

#[tokio::test]
async fn a_lost_answer_of_a_recovery_write_is_recognised() {
    let (served, _deployed, table) = stage().await;
    let key = CaseKey::parse(&"1".repeat(32)).unwrap();
    let user = UserId::parse("alex").unwrap();
    let case = Case::open(CaseSubject::Decoy { user }, NOW + SignedDuration::from_mins(30));
    table.create(&key, &case).await.unwrap();
    let cancelled = case.cancel(NOW).unwrap();
    served.spent();
    served.lose_answer_to_write("PutItem");
    assert_eq!(table.swap(&key, case.revision, &cancelled).await.unwrap(), SwapOutcome::Done);
    assert_eq!(served.spent().requests, 2, "the answer was lost");
    assert_eq!(
        table.swap(&key, case.revision, &cancelled).await.unwrap(),
        SwapOutcome::Overtaken,
        "somebody else"
    );
}
