//! A write that is done and whose answer never arrives: the client asks again, and meets its own write.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use shared::{
    delivery::{Claim, Claims, Demand, Destination, GovernorSettings, NotSent, Purpose, Verdict},
    kernel::{PhoneNumber, UserId},
};
use shared_aws::{Aws, AwsSettings, Table};
use shared_testkit::{Deployed, ServedTable, next_delivery};
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

async fn stage() -> (ServedTable, Deployed, Arc<Table>) {
    let served = ServedTable::metered(ServedTable::empty()).await;
    // Half of each limit is for established numbers: one message an hour.
    let deployed = Deployed::at(&served.endpoint, "[sms.destination]\nper_hour = 2\n");
    let table = Arc::new(Table::new(&Aws::new(deployed.read(AwsSettings::read)).unwrap()));
    (served, deployed, table)
}

#[tokio::test]
async fn a_claim_is_granted_to_whoever_took_it() {
    let (served, _deployed, table) = stage().await;
    let (id, until) = (next_delivery(), NOW + SignedDuration::from_secs(6));
    served.lose_answer_to_write("UpdateItem");
    let started = Instant::now();
    let granted = Claims::claim(&*table, &id, NOW, until).await.unwrap();
    assert_eq!(granted, Claim::Granted { attempt: 1, first_seen: NOW });
    assert!(started.elapsed() < Duration::from_secs(2), "nobody waits for a lease of their own");
    assert_eq!(served.spent().requests, 2, "the answer was lost");
    let other = Claims::claim(&*table, &id, NOW, until).await.unwrap();
    assert_eq!(other, Claim::Held { until }, "somebody else");
}

#[tokio::test]
async fn a_message_that_was_booked_is_admitted() {
    let (served, deployed, table) = stage().await;
    let governor = deployed.read(GovernorSettings::read).governor(table);
    let demand = Demand {
        user: UserId::parse("alex").unwrap(),
        destination: Destination::Sms(PhoneNumber::parse("+4915123456789").unwrap()),
        is_verified: true,
        purpose: Purpose::Authentication,
    };
    // The first of the user and of six counters: items are put that must not be there. Then others, which must be as
    // they were. Each time: read, written, written again, looked at; and each counter's first of a day or an hour is
    // asked about alone, unless it says that the first try has filled it.
    for (seconds, requests) in [(0, 4 + 6), (3_600, 4 + 5)] {
        let now = NOW + SignedDuration::from_secs(seconds);
        let admitted = next_delivery();
        served.spent();
        served.lose_answer_to_write("BatchExecuteStatement");
        let verdict = governor.admit(&admitted, &demand, now).await.unwrap();
        assert!(matches!(verdict, Verdict::Admitted(_)), "{verdict:?}");
        assert_eq!(served.spent().requests, requests);
        let Verdict::Withheld(withheld) = governor.admit(&next_delivery(), &demand, now).await.unwrap()
        else {
            panic!("another message, at once")
        };
        assert_eq!(withheld.reason, NotSent::CoolDown);
    }
}
