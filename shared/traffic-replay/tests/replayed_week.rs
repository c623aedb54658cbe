//! Measures the governor's effect on the replayed week. The default policy decides, with every country
//! allowed. `cargo nextest run --workspace --test replayed_week --no-capture` prints the figures.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "test code: a failed expectation is a failed test"
)]

use mfa_core::{
    config::{Policy, load},
    delivery::toll_fraud::{BudgetScope, GovernorRules, NotSent},
};
use mfa_traffic_replay::{
    EVERYTHING_ROTATES, Figures, Flood, ONE_PREFIX, ONE_RANGE, ROTATING_NUMBERS, ROTATING_USERS, Wish,
};

fn print(figures: &Figures, pattern: &str) {
    println!(
        "{pattern}: fraudulent messages paid {} of {} ({:.2} %); honest users blocked {} of {} ({:.3} %); honest \
         second factors blocked {} of {} ({:.3} %)",
        figures.fraud_paid,
        figures.fraud,
        100.0 * figures.fraud_share(),
        figures.blocked_users(),
        figures.honest_users,
        100.0 * figures.blocked_share(),
        figures.blocked_second_factors(),
        figures.second_factors,
        100.0 * figures.blocked_second_factors_share(),
    );
    let (newcomers, blocked) = figures.own_prefix();
    println!(
        "    honest messages asked for {}, withheld {} and {} more as too early; blocked {:?}; dead codes entered \
         {:?}; newcomers in the flooded prefix during the flood: {blocked} blocked of {newcomers}; the flood met \
         {:?}",
        figures.honest_messages,
        figures.honest_messages_withheld,
        figures.too_early,
        figures.blocked_by,
        figures.dead_codes,
        figures.fraud_withheld,
    );
}

/// Asserts the aims. Only the cool-down may delay second factors, of a user whose messages are lost again and
/// again.
fn hold(figures: &Figures) {
    assert!(figures.fraud_share() < 0.02);
    assert!(figures.blocked_share() < 0.001);
    hold_second_factors(figures);
}

fn hold_second_factors(figures: &Figures) {
    let by_cool_down = figures.dead_codes.get(&NotSent::CoolDown);
    assert_eq!(by_cool_down, None, "codes that Cognito replaced and the cool-down withheld");
    assert!(figures.blocked_second_factors_share() < 0.001);
    for (wish, reason) in figures.blocked_by.keys() {
        assert!(*wish != Wish::SecondFactor || *reason == NotSent::CoolDown, "{reason:?}");
    }
}

async fn replay(flood: Option<&Flood>) -> Figures {
    let policy = Policy::default();
    let rules = load(&|_| None, |environment| GovernorRules::read(&policy, environment)).unwrap();
    let figures = mfa_traffic_replay::replay(rules, flood).await.unwrap();
    print(&figures, flood.map_or("no flood", |flood| flood.description));
    assert!(figures.honest_messages >= 20_000, "{}", figures.honest_messages);
    let blocked: usize = figures.by_country.values().map(|country| country.blocked).sum();
    let users: usize = figures.by_country.values().map(|country| country.users).sum();
    assert_eq!((users, blocked), (figures.honest_users, figures.blocked_users()));
    figures
}

#[tokio::test]
async fn without_a_flood() {
    let figures = replay(None).await;
    hold(&figures);
    assert_eq!((figures.honest_messages_withheld, figures.too_early), (0, 0));
}

#[tokio::test]
async fn one_range() {
    hold(&replay(Some(&ONE_RANGE)).await);
}

/// Here the aim of 0.1 % is missed. Newcomers of the prefix look like the flood, and wait until the day after
/// it. Other users are not affected.
#[tokio::test]
async fn one_wide_prefix() {
    let figures = replay(Some(&ONE_PREFIX)).await;
    assert!(figures.fraud_share() < 0.02);
    hold_second_factors(&figures);
    let prefix_only = NotSent::NothingVerified(BudgetScope::NumberPrefix);
    for (_, reason) in figures.blocked_by.keys() {
        assert!([NotSent::CoolDown, prefix_only].contains(reason), "{reason:?}");
    }
    assert!(figures.blocked_share() < 0.01);
}

#[tokio::test]
async fn rotating_numbers() {
    hold(&replay(Some(&ROTATING_NUMBERS)).await);
}

#[tokio::test]
async fn rotating_users() {
    hold(&replay(Some(&ROTATING_USERS)).await);
}

/// Nothing distinguishes this flood from newcomers. The budgets limit its cost, and second factors still work.
/// Newcomers are blocked with it (docs/security/toll-fraud.md).
#[tokio::test]
async fn everything_rotates() {
    let figures = replay(Some(&EVERYTHING_ROTATES)).await;
    assert!(figures.fraud_paid < 5_000, "more than the budgets of two days for codes that are not entered");
    hold_second_factors(&figures);
}
