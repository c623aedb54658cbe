//! The triggers on in-memory ports.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::{
    config::{self, Policy, SignInPolicy},
    delivery::{Governor, GovernorSettings},
    factors::{
        FriendlyDeviceName,
        own::{DeviceKey, FactorId, OwnFactorStore as _, TrustedDevice},
    },
    kernel::{Refusal, UserId},
    sign_in::{SignInLedger, Subject},
    sign_up::{ConfirmedUsers, Recorded},
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, answer},
};
use shared_testkit::{InMemoryTable, ManualClock, SeededEntropy};

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
const NOW: Timestamp = Timestamp::constant(1_767_323_045, 0);

fn event(source: &str) -> Value {
    json!({
        "version": "1", "triggerSource": source, "userName": SUB, "future": null,
        "request": { "userAttributes": { "sub": SUB, "email": "alex@example.com" }, "validationData": null },
        "response": {},
    })
}

fn parts() -> (Arc<InMemoryTable>, Arc<ManualClock>, UserId) {
    (Arc::default(), Arc::new(ManualClock::at(NOW)), UserId::parse(SUB).unwrap())
}

fn governor(table: &Arc<InMemoryTable>) -> Governor {
    let lookup = |name: &str| (name == "MFA_HASH_KEY").then(|| "k".repeat(64));
    let settings = config::load(&lookup, GovernorSettings::read).unwrap();
    settings.governor(table.clone())
}

fn pre_authentication(table: &Arc<InMemoryTable>, policy: SignInPolicy) -> PreAuthentication {
    PreAuthentication::new(policy, table.clone(), Arc::new(ManualClock::at(NOW)))
}

#[tokio::test]
async fn an_attempt_is_counted_and_a_completed_sign_in_resets_the_count() {
    let (table, clock, user) = parts();
    let pre = pre_authentication(&table, Policy::default().sign_in);
    for _ in 0..3 {
        let given = event("PreAuthentication_Authentication");
        assert_eq!(answer(&pre, given.clone()).await.unwrap(), given);
    }
    let subject = Subject::User(user.clone());
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 4);

    let post = PostAuthentication::new(table.clone(), governor(&table), clock);
    let given = event("PostAuthentication_Authentication");
    assert_eq!(answer(&post, given.clone()).await.unwrap(), given);
    assert_eq!(table.last_sign_in(&user), Some(NOW));
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unknown_user_is_counted_too_and_passes() {
    let (table, ..) = parts();
    let pre = pre_authentication(&table, Policy::default().sign_in);
    let given = json!({
        "triggerSource": "PreAuthentication_Authentication", "userName": "nobody@example.com",
        "request": { "userAttributes": {}, "userNotFound": true }, "response": {},
    });
    assert_eq!(answer(&pre, given.clone()).await.unwrap(), given);
    let shard = Subject::unknown("nobody@example.com");
    assert_eq!(table.count_attempt(&shard, NOW).await.unwrap(), 2);
}

#[tokio::test]
async fn a_closed_sign_in_refuses_known_and_unknown_alike() {
    let (table, ..) = parts();
    let pre = pre_authentication(&table, SignInPolicy { open: false, ..Policy::default().sign_in });
    assert_eq!(answer(&pre, event("PreAuthentication_Authentication")).await, Err(Refusal::SignInClosed));
    assert_eq!(answer(&pre, json!({ "userName": "nobody" })).await, Err(Refusal::SignInClosed));
}

#[tokio::test]
async fn a_dead_table_fails_no_sign_in_and_no_confirmation() {
    let (table, clock, _) = parts();
    table.fail();
    let pre = pre_authentication(&table, Policy::default().sign_in);
    assert!(answer(&pre, event("PreAuthentication_Authentication")).await.is_ok());
    let post = PostAuthentication::new(table.clone(), governor(&table), clock.clone());
    assert!(answer(&post, event("PostAuthentication_Authentication")).await.is_ok());
    let confirmation =
        PostConfirmation::new(table.clone(), table.clone(), table.clone(), governor(&table), clock);
    assert!(answer(&confirmation, event("PostConfirmation_ConfirmSignUp")).await.is_ok());
    assert!(answer(&confirmation, event("PostConfirmation_ConfirmForgotPassword")).await.is_ok());
}

/// A ledger whose table never answers.
#[derive(Debug)]
struct Hangs;

#[async_trait::async_trait]
impl SignInLedger for Hangs {
    async fn count_attempt(&self, _: &Subject, _: Timestamp) -> Result<u32, shared::kernel::PortError> {
        std::future::pending().await
    }
    async fn complete(&self, _: &UserId, _: Timestamp) -> Result<(), shared::kernel::PortError> {
        std::future::pending().await
    }
    async fn reset(&self, _: &UserId) -> Result<(), shared::kernel::PortError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_table_costs_a_sign_in_its_limit_and_no_more() {
    let clock = Arc::new(ManualClock::at(NOW));
    let started = tokio::time::Instant::now();
    let pre = PreAuthentication::new(Policy::default().sign_in, Arc::new(Hangs), clock.clone());
    assert!(answer(&pre, event("PreAuthentication_Authentication")).await.is_ok());
    assert_eq!(started.elapsed().as_millis(), 1_500);
    let post = PostAuthentication::new(Arc::new(Hangs), governor(&Arc::default()), clock);
    assert!(answer(&post, event("PostAuthentication_Authentication")).await.is_ok());
    assert_eq!(started.elapsed().as_millis(), 2_000);
}

#[tokio::test]
async fn a_confirmation_is_kept_once_and_a_reset_password_starts_the_count_anew() {
    let (table, clock, user) = parts();
    let trigger = PostConfirmation::new(table.clone(), table.clone(), table.clone(), governor(&table), clock);
    for _ in 0..3 {
        answer(&trigger, event("PostConfirmation_ConfirmSignUp")).await.unwrap();
    }
    assert_eq!(table.record(&user, NOW).await.unwrap(), Recorded::Before);

    let kept = table.own_factors(&user).await.unwrap();
    assert_eq!(kept.generation, 0, "a sign-up changes nothing that proves");
    let device = TrustedDevice {
        name: FriendlyDeviceName::parse("Laptop").unwrap(),
        key: DeviceKey::from_coordinates(
            // A.1 of RFC 7517.
            "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        )
        .unwrap(),
        created_at: NOW,
        expires_at: NOW + SignedDuration::from_hours(1),
    };
    let id = FactorId::new(&SeededEntropy::new(1)).unwrap();
    let change = kept.register_device(id, device, NOW).unwrap();
    table.change(&user, kept.revision, &change).await.unwrap();

    let subject = Subject::User(user.clone());
    table.count_attempt(&subject, NOW).await.unwrap();
    answer(&trigger, event("PostConfirmation_ConfirmForgotPassword")).await.unwrap();
    assert_eq!(table.count_attempt(&subject, NOW).await.unwrap(), 1);
    let after = table.own_factors(&user).await.unwrap();
    assert!(after.devices.is_empty(), "a new password ends the trust in devices");
    assert_eq!(after.generation, 2, "and every sign-in under way");
}
