//! Measures which keys grow hot. Each key of the table belongs to one user, except for the governor's
//! counters, which many messages share. DynamoDB takes 1,000 writes a second of a key. The test counts the
//! writes of each counter for the text messages of a service with a hundred million users at its peak. `cargo
//! nextest run -p mfa-core --test hot_keys --no-capture` prints the figures.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    config::{Policy, load, policy::BudgetPolicy},
    delivery::{
        Channel, Purpose,
        toll_fraud::{
            AdmissionRequest, BudgetCounter, BudgetCounts, BudgetScope, Budgets, CounterIncrement, Credit,
            Destination, Governor, GovernorRules, IncrementOutcome, Reservation, ReservationOutcome,
            SendHistory, UnverifiedCodes,
        },
    },
    kernel::{HashKey, PhoneNumber, PortError, UserId},
};
use mfa_testkit::next_delivery;

const USERS: u64 = 100_000_000;
/// Each user gets a code every other day. The busiest hour has four times its share of them.
const CODES_A_SECOND: f64 = 100_000_000.0 / 2.0 / 86_400.0 * 4.0;
const KEY_LIMIT: f64 = 1_000.0;
const DRAWN: u64 = 100_000;
const SHARDS: u8 = 4;

/// Counts increments by counter, and lets everything pass.
#[derive(Debug, Default)]
struct Tally(Mutex<HashMap<BudgetCounter, u64>>);

#[async_trait]
impl Budgets for Tally {
    async fn history(&self, _: &UserId, _: Channel) -> Result<SendHistory, PortError> {
        Ok(SendHistory::default())
    }

    async fn read(
        &self,
        _: &UserId,
        _: Channel,
        _: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
        Ok((SendHistory::default(), vec![None; counters.len()]))
    }

    async fn swap_history(
        &self,
        _: &UserId,
        _: Channel,
        _: &SendHistory,
        _: &SendHistory,
    ) -> Result<bool, PortError> {
        Ok(true)
    }

    async fn record_completion(
        &self,
        _: &UserId,
        _: Channel,
        _: Timestamp,
        _: bool,
    ) -> Result<Option<UnverifiedCodes>, PortError> {
        Ok(None)
    }

    async fn reserve(&self, reservation: &Reservation<'_>) -> Result<ReservationOutcome, PortError> {
        for increment in reservation.increments {
            *self.0.lock().unwrap().entry(increment.counter.clone()).or_default() += 1;
        }
        Ok(ReservationOutcome {
            swapped: Ok(true),
            increments: reservation.increments.iter().map(|_| Ok(IncrementOutcome::Counted)).collect(),
        })
    }

    async fn release_increment(&self, _: &CounterIncrement) -> Result<(), PortError> {
        Ok(())
    }

    async fn credit(&self, _: &Credit) -> Result<(), PortError> {
        Ok(())
    }
}

/// Returns the `index`-th user's number. Half of all numbers are in North America, the others in Germany,
/// France, Britain and Brazil. Operators and area codes are evenly distributed.
fn number(index: u64) -> PhoneNumber {
    // Spreads neighbours: an odd factor walks through all remainders of a power of two.
    let at = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
    let subscriber = at / 16;
    let text = match at % 16 {
        0..8 => format!(
            "+1{}{:07}",
            [206, 212, 305, 312, 415, 512, 617, 702][usize::try_from(subscriber % 8).unwrap()],
            2_000_000 + subscriber / 8 % 7_999_999
        ),
        8..11 => format!(
            "+4915{}{:08}",
            [1, 2, 7, 9][usize::try_from(subscriber % 4).unwrap()],
            subscriber / 4 % 100_000_000
        ),
        11..13 => format!("+336{:08}", 10_000_000 + subscriber % 80_000_000),
        13..15 => format!("+447{:09}", 400_000_000 + subscriber % 500_000_000),
        _ => format!("+5511{:09}", 970_000_000 + subscriber % 20_000_000),
    };
    PhoneNumber::parse(&text).unwrap()
}

/// Returns the writes per second of the hottest counter of each scope.
async fn hottest(shards: u8) -> BTreeMap<BudgetScope, f64> {
    let mut policy = Policy::default();
    let wide = |shards| BudgetPolicy { per_hour: u32::MAX, per_day: u32::MAX, unverified: u32::MAX, shards };
    policy.sms.number_prefix = wide(shards);
    policy.sms.country = wide(shards);
    policy.sms.all = wide(shards);
    let rules = load(&|_| None, |environment| GovernorRules::read(&policy, environment)).unwrap();
    let tally = Arc::<Tally>::default();
    let governor = Governor::new(rules, tally.clone(), HashKey::new(&[7; 32]));
    let now = Timestamp::from_second(1_772_409_600).unwrap();
    for draw in 0..DRAWN {
        let index = draw * (USERS / DRAWN);
        let admission = AdmissionRequest {
            user: UserId::parse(&format!("user-{index}")).unwrap(),
            destination: Destination::Sms(number(index)),
            is_verified: true,
            purpose: Purpose::Authentication,
        };
        governor.admit(&next_delivery(), &admission, now).await.unwrap();
    }
    let mut hottest = BTreeMap::new();
    for (counter, count) in tally.0.lock().unwrap().iter() {
        let share = f64::from(u32::try_from(*count).unwrap()) / f64::from(u32::try_from(DRAWN).unwrap());
        let most = hottest.entry(counter.scope).or_insert(0.0_f64);
        *most = most.max(share * CODES_A_SECOND);
    }
    hottest
}

#[tokio::test]
async fn four_shards_carry_a_hundred_million_users() {
    let (one, four) = (hottest(1).await, hottest(SHARDS).await);
    println!("{CODES_A_SECOND:.0} codes a second; writes a second of the hottest counter");
    for (scope, most) in &one {
        println!("  {:<14} {most:>6.0}, in {SHARDS} shards {:>6.0}", scope.name(), four.get(scope).unwrap());
    }
    let is_hot = |found: &BTreeMap<BudgetScope, f64>| found.values().any(|most| *most > KEY_LIMIT);
    assert!(is_hot(&one), "one counter for all is more than a key takes: the shards have a reason");
    assert!(!is_hot(&four), "{four:?}");
}
