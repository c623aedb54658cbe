//! Counts the calls to the table that each trigger makes in a sign-in and a sign-up. Checks that concurrent
//! attempts are counted exactly.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    config::Environment,
    delivery::{
        Purpose,
        toll_fraud::{AdmissionDecision, AdmissionRequest, Destination, GovernorSettings},
    },
    kernel::{Clock as _, PhoneNumber, SystemEntropy, UserId},
    sign_in::{Attempt, SignInLedger as _, SignInSettings, Subject},
    sign_up::UniqueSettings,
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, Trigger, answer},
};
use mfa_testkit::{Deployed, ManualClock, ServedTable, Spent, next_delivery};
use serde_json::{Value, json};

const SUB: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
const POLICY: &str = "[sign_up.unique]\nemail = true\nphone_number = true\n[sign_in]\nenforce = true\n[governor]\ncodes_before_cool_down = 1\n[sms.all]\nper_hour = 6\n";

/// A table whose calls are counted on the wire.
struct Stage {
    served: ServedTable,
    deployed: Deployed,
    clock: Arc<ManualClock>,
}

impl Stage {
    async fn set() -> Self {
        let served = ServedTable::metered(ServedTable::empty()).await;
        let deployed = Deployed::at(&served.endpoint, POLICY);
        let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
        Self { served, deployed, clock }
    }

    fn read<T>(&self, read: impl FnOnce(&mut Environment<'_>) -> T) -> T {
        self.deployed.read(read)
    }

    fn table(&self) -> Arc<Table> {
        Arc::new(Table::new(&Aws::new(self.read(AwsSettings::read)).unwrap()))
    }

    /// Returns the number of calls that a trigger makes for an event.
    async fn calls(&self, trigger: &impl Trigger, event: Value) -> usize {
        self.served.spent();
        answer(trigger, event).await.unwrap();
        self.served.spent().requests
    }
}

fn event(source: &str, phone_number: Option<&str>) -> Value {
    json!({
        "triggerSource": source, "userName": "alex",
        "request": { "userAttributes": {
            "sub": SUB, "email": "alex@example.com", "email_verified": "true",
            "phone_number": phone_number, "phone_number_verified": "true",
        } },
        "response": {},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trigger_of_a_sign_in_makes_one_round_trip() {
    let stage = Stage::set().await;
    let (table, clock) = (stage.table(), stage.clock.clone());
    let governor = || stage.read(GovernorSettings::read).governor(table.clone());
    let unique = || stage.read(UniqueSettings::read).map(|unique| unique.addresses(table.clone()));

    let pre_sign_up =
        PreSignUp::new(stage.read(|environment| environment.policy().sign_up), None, unique(), clock.clone());
    let guard = stage.read(SignInSettings::read).guard(table.clone());
    let pre_authentication = PreAuthentication::new(guard, None, clock.clone());
    let entropy = Arc::new(SystemEntropy);
    let post_authentication =
        PostAuthentication::new(table.clone(), governor(), table.clone(), None, clock.clone(), entropy);
    let post_confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );

    let sign_in = "PreAuthentication_Authentication";
    let mut nobody = event(sign_in, None);
    nobody["request"] = json!({ "userAttributes": {}, "userNotFound": true });
    let phone = Some("+4915123456789");
    let made = [
        ("pre-sign-up, e-mail address", stage.calls(&pre_sign_up, event("PreSignUp_SignUp", None)).await),
        ("pre-sign-up, both addresses", stage.calls(&pre_sign_up, event("PreSignUp_SignUp", phone)).await),
        ("pre-authentication", stage.calls(&pre_authentication, event(sign_in, phone)).await),
        ("pre-authentication, nobody", stage.calls(&pre_authentication, nobody).await),
        (
            "post-authentication",
            stage.calls(&post_authentication, event("PostAuthentication_Authentication", None)).await,
        ),
        (
            "post-confirmation",
            stage.calls(&post_confirmation, event("PostConfirmation_ConfirmSignUp", None)).await,
        ),
    ];
    // A trigger makes all its calls in parallel: the sign-in's own write, the governor's settlement of each
    // address, the claim on each.
    println!("{made:?}");
    assert_eq!(made.map(|(_, calls)| calls), [1, 2, 1, 1, 2, 3]);

    // The count of an expired window is subtracted in a second call.
    stage.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(stage.calls(&pre_authentication, event(sign_in, phone)).await, 1, "a completed one left none");
    stage.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(stage.calls(&pre_authentication, event(sign_in, phone)).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_attempts_are_counted_exactly() {
    let stage = Stage::set().await;
    let (table, now) = (stage.table(), Timestamp::from_second(1_767_323_045).unwrap());
    let back_off = stage.read(|environment| mfa_core::sign_in::BackOff::of(&environment.policy().sign_in));
    let (counted, held) =
        (Subject::User(UserId::parse("counted").unwrap()), Subject::User(UserId::parse("held").unwrap()));
    // The concurrency is limited to what the table of a busy machine answers within the client's second.
    let seen = stream::iter((0..500).map(|_| table.count_attempt(&counted, now))).buffer_unordered(50);
    let mut seen: Vec<_> = seen.map(Result::unwrap).collect().await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=500).collect::<Vec<_>>());

    let outcomes = stream::iter((0..500).map(|_| table.attempt(&held, &back_off, now))).buffer_unordered(50);
    let outcomes: Vec<_> = outcomes.collect().await;
    let mut passed: Vec<_> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome.unwrap() {
            Attempt::Counted(attempts) => Some(attempts),
            Attempt::Refused => None,
        })
        .collect();
    passed.sort_unstable();
    println!("of 500 {} passed", passed.len());
    assert_eq!(passed, [1, 2, 3, 4, 5]);
}

/// The values that were read decide how to write, so nothing is written twice when a counter begins a day or
/// an hour.
#[tokio::test]
async fn a_message_is_read_once_and_counted_in_one_request() {
    let stage = Stage::set().await;
    let governor = stage.read(GovernorSettings::read).governor(stage.table());
    let asked = async |user: &str, last: &str, after: i64| {
        let admission = AdmissionRequest {
            user: UserId::parse(user).unwrap(),
            destination: Destination::Sms(PhoneNumber::parse(&format!("+1206555{last}")).unwrap()),
            is_verified: true,
            purpose: Purpose::Authentication,
        };
        let now = stage.clock.now() + SignedDuration::from_secs(after);
        stage.served.spent();
        let verdict = governor.admit(&next_delivery(), &admission, now).await.unwrap();
        let Spent { requests, read_units, write_units } = stage.served.spent();
        (matches!(verdict, AdmissionDecision::Admitted(_)), (requests, read_units, write_units))
    };
    // The reservation uses the user's history and six counters: user, destination, range, prefix, country,
    // all. Missing counters and a missing history cost the same as existing ones.
    let each = (true, (2, 4.0, 7.0));
    assert_eq!(asked("alex", "0101", 0).await, each, "the day's first");
    assert_eq!(asked("sam", "0102", 1).await, each);
    assert_eq!(asked("sam", "0102", 600).await, each, "to the same");
    assert_eq!(asked("kim", "0103", 3_600).await, each, "the hour's first");
    let nothing_written = (false, (1, 4.0, 0.0));
    assert_eq!(asked("kim", "0103", 3_601).await, nothing_written, "a cool-down");
    assert_eq!(asked("pat", "0104", 3_602).await, each);
    assert_eq!(asked("max", "0105", 3_603).await, each, "the last that is open to all");
    assert_eq!(asked("lee", "0106", 3_604).await, nothing_written, "no room");
}
