//! The governor over the ports in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    config::{Policy, load},
    delivery::{
        Notice, Purpose,
        toll_fraud::{
            AdmissionDecision, AdmissionReceipt, AdmissionRequest, BudgetScope, Completion, Country,
            Destination, Governor, GovernorRules, NotSent,
        },
    },
    kernel::{Clock, EmailAddress, HashKey, PhoneNumber, UserId},
};
use mfa_testkit::{InMemoryTable, ManualClock, next_delivery};
use rstest::rstest;

struct House {
    governor: Governor,
    table: Arc<InMemoryTable>,
    clock: ManualClock,
}

impl House {
    fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        change(&mut policy);
        let rules = load(&|_| None, |environment| GovernorRules::read(&policy, environment)).unwrap();
        let table = Arc::new(InMemoryTable::default());
        let governor = Governor::new(rules, table.clone(), HashKey::new(&[7; 32]));
        let noon = "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap();
        Self { governor, table, clock: ManualClock::at(noon) }
    }

    fn wait(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn admit(&self, admission: &AdmissionRequest) -> AdmissionDecision {
        self.governor.admit(&next_delivery(), admission, self.clock.now()).await.unwrap()
    }

    async fn receipt(&self, admission: &AdmissionRequest) -> AdmissionReceipt {
        match self.admit(admission).await {
            AdmissionDecision::Admitted(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    async fn reason(&self, admission: &AdmissionRequest) -> NotSent {
        match self.admit(admission).await {
            AdmissionDecision::Withheld(withheld) => withheld.reason,
            other => panic!("{other:?}"),
        }
    }

    async fn verified(&self, admission: &AdmissionRequest) -> bool {
        let completed = Completion {
            user: admission.user.clone(),
            destination: admission.destination.clone(),
            is_verified: true,
        };
        self.governor.record_completion(&completed, self.clock.now()).await.unwrap().is_some()
    }
}

fn sign_up(user: &str, number: &str) -> AdmissionRequest {
    AdmissionRequest {
        user: UserId::parse(user).unwrap(),
        destination: Destination::Sms(PhoneNumber::parse(number).unwrap()),
        is_verified: false,
        purpose: Purpose::SignUp,
    }
}

fn second_factor(user: &str, number: &str) -> AdmissionRequest {
    AdmissionRequest { is_verified: true, purpose: Purpose::Authentication, ..sign_up(user, number) }
}

const ALEX: &str = "+4915123456789";

/// Returns the numbers of one range in order.
fn range(index: u32) -> String {
    format!("+491512345{index:04}")
}

#[tokio::test]
async fn without_entered_codes_only_verified_numbers_get_more() {
    let house = House::new(|_| {});
    for index in 0..20 {
        let receipt = house.receipt(&sign_up(&format!("bot-{index}"), &range(index))).await;
        assert!(receipt.is_unverified);
        assert_eq!(receipt.origin.prefix.as_deref(), Some("491512"));
    }
    let AdmissionDecision::Withheld(withheld) = house.admit(&sign_up("newcomer", &range(100))).await else {
        panic!("the range is exhausted")
    };
    assert_eq!(withheld.reason, NotSent::NothingVerified(BudgetScope::NumberRange));
    assert_eq!(withheld.origin.country, Country::parse("DE").ok());
    house.receipt(&sign_up("neighbour", "+4915129999999")).await;
    house.receipt(&second_factor("honest", &range(200))).await;
}

#[tokio::test]
async fn a_verification_pays_back_its_codes_and_earns_more_once() {
    let house = House::new(|policy| policy.sms.number_range.unverified = 2);
    let first = sign_up("alex", &range(1));
    house.receipt(&first).await;
    house.wait(60);
    house.receipt(&AdmissionRequest { purpose: Purpose::ResendCode, ..first.clone() }).await;
    let blocked = NotSent::NothingVerified(BudgetScope::NumberRange);
    assert_eq!(house.reason(&sign_up("sam", &range(2))).await, blocked);

    assert!(house.verified(&first).await);
    assert!(!house.verified(&first).await, "counted once");
    for (user, number) in [("a", 3), ("b", 4), ("c", 5)] {
        house.receipt(&sign_up(user, &range(number))).await;
    }
    assert_eq!(house.reason(&sign_up("d", &range(6))).await, blocked, "2 and 1 earned");
}

#[tokio::test]
async fn only_the_number_that_got_the_codes_pays_them_back() {
    let house = House::new(|_| {});
    let admission = sign_up("alex", ALEX);
    house.receipt(&admission).await;
    let other = sign_up("alex", "+4915129999999");
    assert!(!house.verified(&other).await);
}

#[tokio::test]
async fn a_verification_without_a_trigger_is_seen_at_the_next_code() {
    let house = House::new(|policy| policy.sms.number_range.unverified = 1);
    house
        .receipt(&AdmissionRequest { purpose: Purpose::VerifyUserAttribute, ..sign_up("alex", &range(1)) })
        .await;
    assert_eq!(
        house.reason(&sign_up("sam", &range(2))).await,
        NotSent::NothingVerified(BudgetScope::NumberRange)
    );
    house.wait(3600);
    house.receipt(&second_factor("alex", &range(1))).await;
    house.receipt(&sign_up("sam", &range(2))).await;
}

/// Notices leave the user's history as it is, and with it the debt.
#[tokio::test]
async fn notices_pay_nothing_back() {
    let house = House::new(|policy| policy.sms.number_range.unverified = 1);
    house
        .receipt(&AdmissionRequest { purpose: Purpose::VerifyUserAttribute, ..sign_up("alex", &range(1)) })
        .await;
    let notice =
        AdmissionRequest { purpose: Purpose::Notice(Notice::NewDevice), ..second_factor("alex", &range(1)) };
    for _ in 0..3 {
        house.receipt(&notice).await;
        let blocked = NotSent::NothingVerified(BudgetScope::NumberRange);
        assert_eq!(house.reason(&sign_up("sam", &range(2))).await, blocked);
    }
    assert!(house.verified(&second_factor("alex", &range(1))).await, "once, and then");
    for index in 2..4 {
        house.receipt(&sign_up(&format!("user-{index}"), &range(index))).await;
    }
    let blocked = NotSent::NothingVerified(BudgetScope::NumberRange);
    assert_eq!(house.reason(&sign_up("sam", &range(5))).await, blocked, "1 and 1 earned");
}

#[tokio::test]
async fn half_of_every_budget_is_for_established_numbers() {
    let house = House::new(|policy| {
        policy.sms.country.per_hour = 8;
        policy.sms.country.per_day = 100;
    });
    house.receipt(&second_factor("alex", ALEX)).await;
    house.wait(24 * 3600);
    for index in 0..4 {
        house.receipt(&second_factor(&format!("young-{index}"), &range(index))).await;
    }
    let used_up = NotSent::BudgetUsedUp(BudgetScope::Country);
    assert_eq!(house.reason(&second_factor("young", &range(50))).await, used_up);
    assert_eq!(house.reason(&sign_up("new", &range(60))).await, used_up);
    house.receipt(&second_factor("alex", ALEX)).await;
}

#[tokio::test]
async fn who_knows_only_the_name_uses_up_no_second_factor() {
    let house = House::new(|_| {});
    let second_factor = second_factor("alex", ALEX);
    house.receipt(&second_factor).await;
    house.wait(24 * 3600);
    let forgotten = AdmissionRequest { purpose: Purpose::ForgotPassword, ..second_factor.clone() };
    let mut sent = 0;
    for _ in 0..1000 {
        sent += u32::from(matches!(house.admit(&forgotten).await, AdmissionDecision::Admitted(_)));
        house.wait(20);
    }
    assert_eq!(sent, 10, "the open half of a day");
    house.receipt(&second_factor).await;
}

#[tokio::test]
async fn a_refused_message_leaves_nothing_counted() {
    let house = House::new(|policy| policy.sms.number_range.unverified = 1);
    house.receipt(&sign_up("first", &range(1))).await;
    for index in 0..100 {
        house.reason(&sign_up("alex", &range(2 + index))).await;
    }
    // Neither the user's budget nor the cool-down has changed.
    house.receipt(&sign_up("alex", "+447400123456")).await;
}

/// A policy with a wait after each code.
fn strict(policy: &mut Policy) {
    policy.governor.codes_before_cool_down = 1;
}

#[tokio::test]
async fn of_racing_requests_of_one_user_three_are_sent() {
    for (limit, codes_before_cool_down) in [(1, 1), (3, 3)] {
        let house = House::new(|policy| policy.governor.codes_before_cool_down = codes_before_cool_down);
        let admission = sign_up("alex", ALEX);
        let racing = futures::future::join_all((0..50).map(|_| house.admit(&admission))).await;
        let sent = racing.iter().filter(|verdict| matches!(verdict, AdmissionDecision::Admitted(_))).count();
        assert_eq!(sent, limit);
    }
}

/// Cognito ends the code before and answers success, whatever we decide.
#[rstest]
#[case::sign_up(&[Purpose::SignUp, Purpose::ResendCode], &[0, 5])]
#[case::sign_up_and_forgotten_password(&[Purpose::SignUp, Purpose::ForgotPassword], &[0, 20])]
#[case::forgotten_password(&[Purpose::ForgotPassword, Purpose::ForgotPassword], &[0, 1])]
#[case::invitation(&[Purpose::AdminCreateUser, Purpose::AdminCreateUser], &[0, 59])]
#[case::sign_in_on_two_devices(&[Purpose::Authentication, Purpose::Authentication], &[0, 10])]
#[case::two_resends(&[Purpose::SignUp, Purpose::ResendCode, Purpose::ResendCode], &[0, 30, 40])]
#[case::resent_after_a_wait(&[Purpose::SignUp, Purpose::ResendCode, Purpose::ResendCode], &[0, 70, 90])]
#[case::another_number(&[Purpose::UpdateUserAttribute, Purpose::VerifyUserAttribute], &[0, 0])]
#[tokio::test]
async fn a_code_that_cognito_replaced_is_sent(
    #[case] purposes: &[Purpose],
    #[case] at: &[i64],
    #[values(ALEX, "alex@example.com")] to: &str,
) {
    let house = House::new(|_| {});
    let destination = match PhoneNumber::parse(to) {
        Ok(number) => Destination::Sms(number),
        Err(_) => Destination::Email(EmailAddress::parse(to).unwrap()),
    };
    let mut now = 0;
    for (purpose, at) in purposes.iter().zip(at) {
        house.wait(at - now);
        now = *at;
        let is_verified = *purpose == Purpose::Authentication;
        let request = AdmissionRequest {
            destination: destination.clone(),
            purpose: *purpose,
            is_verified,
            ..sign_up("alex", ALEX)
        };
        house.receipt(&request).await;
    }
}

#[tokio::test]
async fn after_three_codes_in_a_row_the_next_one_waits() {
    let house = House::new(|_| {});
    let admission = second_factor("alex", ALEX);
    for _ in 0..3 {
        house.receipt(&admission).await;
    }
    assert_eq!(house.reason(&admission).await, NotSent::CoolDown);
    house.wait(60);
    house.receipt(&admission).await;
    house.wait(119);
    assert_eq!(house.reason(&admission).await, NotSent::CoolDown);
}

#[tokio::test]
async fn what_no_provider_took_is_forgotten() {
    let house = House::new(|policy| {
        strict(policy);
        policy.sms.destination.unverified = 1;
    });
    let admission = sign_up("alex", ALEX);
    let receipt = house.receipt(&admission).await;
    assert_eq!(house.reason(&admission).await, NotSent::CoolDown);
    house.governor.release(receipt).await;
    house.receipt(&admission).await;
}

/// The first attempt died, and the second finds no provider. The first attempt's count stays. The user need
/// not wait for a code that never went out.
#[tokio::test]
async fn a_retried_message_without_provider_starts_no_cool_down() {
    let house = House::new(strict);
    for admission in [second_factor("alex", ALEX), sign_up("sam", "+447400123456")] {
        let delivery = next_delivery();
        let attempt = async || house.governor.admit(&delivery, &admission, house.clock.now()).await.unwrap();
        assert!(matches!(attempt().await, AdmissionDecision::Admitted(_)));
        let AdmissionDecision::Admitted(receipt) = attempt().await else { panic!("the same delivery") };
        assert_eq!(house.reason(&admission).await, NotSent::CoolDown);
        house.governor.release(receipt).await;
        house.receipt(&admission).await;
    }
}

#[tokio::test]
async fn who_asks_again_for_what_was_admitted_last_is_counted_once() {
    let house = House::new(|policy| {
        strict(policy);
        policy.sms.destination.unverified = 1;
    });
    let (first, again) = (next_delivery(), sign_up("alex", ALEX));
    for _ in 0..3 {
        let verdict = house.governor.admit(&first, &again, house.clock.now()).await.unwrap();
        assert!(matches!(verdict, AdmissionDecision::Admitted(receipt) if receipt.is_unverified));
    }
    house.wait(60);
    assert_eq!(
        house.reason(&again).await,
        NotSent::NothingVerified(BudgetScope::Destination),
        "another delivery"
    );

    // Other users may ask in the meantime. Their counts are in other rows.
    house.wait(900);
    let (mine, code) = (next_delivery(), second_factor("alex", ALEX));
    let asked = async || house.governor.admit(&mine, &code, house.clock.now()).await.unwrap();
    assert!(matches!(asked().await, AdmissionDecision::Admitted(_)));
    house.receipt(&AdmissionRequest { purpose: Purpose::ForgotPassword, ..code.clone() }).await;
    assert!(matches!(asked().await, AdmissionDecision::Admitted(_)));

    // A message that was never admitted, or was given back, is admitted like any other.
    let other = AdmissionRequest { purpose: Purpose::ForgotPassword, ..sign_up("sam", "+4915123450000") };
    let receipt = house.receipt(&other).await;
    let (held_off, now) = (next_delivery(), house.clock.now());
    for _ in 0..2 {
        let verdict = house.governor.admit(&held_off, &other, now).await.unwrap();
        assert!(
            matches!(verdict, AdmissionDecision::Withheld(withheld) if withheld.reason == NotSent::CoolDown)
        );
    }
    house.governor.release(receipt).await;
    let verdict = house.governor.admit(&held_off, &other, now).await.unwrap();
    assert!(matches!(verdict, AdmissionDecision::Admitted(_)));
}

#[tokio::test]
async fn a_dry_run_reports_and_sends() {
    let house = House::new(|policy| {
        strict(policy);
        policy.governor.dry_run = true;
        policy.sms.allowed_countries = vec!["DE".into()];
    });
    let AdmissionDecision::DryRun(withheld) = house.admit(&sign_up("alex", "+447400123456")).await else {
        panic!("reported")
    };
    assert_eq!(withheld.reason, NotSent::CountryNotAllowed);
    house.receipt(&sign_up("alex", ALEX)).await;
    assert!(matches!(house.admit(&sign_up("alex", ALEX)).await, AdmissionDecision::DryRun(_)));
}

#[tokio::test]
async fn an_email_has_a_cool_down_and_budgets_but_no_country() {
    let house = House::new(|policy| {
        strict(policy);
        policy.email.destination.unverified = 2;
    });
    let admission = |user: &str| AdmissionRequest {
        destination: Destination::Email(EmailAddress::parse("alex@example.com").unwrap()),
        ..sign_up(user, ALEX)
    };
    assert_eq!(house.receipt(&admission("a")).await.origin.country, None);
    assert_eq!(house.reason(&admission("a")).await, NotSent::CoolDown);
    house.receipt(&admission("b")).await;
    let blocked = NotSent::NothingVerified(BudgetScope::Destination);
    assert_eq!(house.reason(&admission("c")).await, blocked, "nobody is flooded with mail");
}

#[tokio::test]
async fn a_dead_table_is_a_fault_and_not_an_answer() {
    let house = House::new(|_| {});
    house.table.fail();
    assert!(house.governor.admit(&next_delivery(), &sign_up("alex", ALEX), house.clock.now()).await.is_err());
}
