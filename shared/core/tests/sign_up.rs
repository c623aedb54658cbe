//! Sign-ups with unique addresses, on in-memory ports and a clock that is set by hand.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    config::{self, Policy},
    kernel::{Clock as _, Refusal},
    sign_up::UniqueSettings,
    trigger::{PreSignUp, answer},
};
use mfa_testkit::{InMemoryTable, ManualClock};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::constant(1_767_323_045, 0);

struct Stage {
    trigger: PreSignUp,
    clock: Arc<ManualClock>,
    table: Arc<InMemoryTable>,
}

fn stage(policy: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let lookup = |name: &str| match name {
        "MFA_CONFIG_DIR" => folder.path().to_str().map(str::to_owned),
        "MFA_HASH_KEY" => Some("k".repeat(32)),
        _ => None,
    };
    let (table, clock) = (Arc::<InMemoryTable>::default(), Arc::new(ManualClock::at(START)));
    let (policy, unique) = config::load(&lookup, |environment| {
        (environment.policy().sign_up, UniqueSettings::read(environment))
    })
    .unwrap();
    let unique = unique.map(|unique| unique.addresses(table.clone()));
    Stage { trigger: PreSignUp::new(policy, None, unique, clock.clone()), clock, table }
}

impl Stage {
    async fn sign_up(&self, name: &str, attributes: Value) -> Result<Value, Refusal> {
        let event = json!({
            "triggerSource": "PreSignUp_SignUp", "userName": name,
            "request": { "userAttributes": attributes }, "response": {},
        });
        answer(&self.trigger, event).await
    }
}

const UNIQUE_EMAIL: &str = "[sign_up.unique]\nemail = true\n";

#[tokio::test]
async fn the_table_is_asked_only_if_addresses_are_unique() {
    let stage = stage("");
    stage.table.fail();
    for name in ["alex", "sam"] {
        assert!(stage.sign_up(name, json!({ "email": "alex@example.com" })).await.is_ok());
    }
    assert!(!Policy::default().sign_up.unique.is_on());
}

#[tokio::test]
async fn each_configured_address_is_unique() {
    let stage = stage("[sign_up.unique]\nemail = true\nphone_number = true\n");
    let refused = Err(Refusal::SignUpNotPossible);
    let both = json!({ "email": "alex@example.com", "phone_number": "+4915123456789" });
    assert!(stage.sign_up("alex", both).await.is_ok());
    assert_eq!(stage.sign_up("sam", json!({ "email": "ALEX@example.com" })).await, refused);
    assert_eq!(stage.sign_up("sam", json!({ "phone_number": "+4915123456789" })).await, refused);
    assert!(stage.sign_up("sam", json!({ "email": "alex+1@example.com" })).await.is_ok(), "as policy has it");
    assert!(stage.sign_up("kim", json!({})).await.is_ok(), "without an address there is nothing to keep");
}

/// A denied domain and a taken address give the same text.
#[tokio::test]
async fn a_refusal_does_not_say_whose_address_it_is() {
    let stage = stage("[sign_up]\ndenied_email_domains = ['spam.example']\n[sign_up.unique]\nemail = true\n");
    assert!(stage.sign_up("alex", json!({ "email": "alex@example.com" })).await.is_ok());
    let taken = stage.sign_up("sam", json!({ "email": "alex@example.com" })).await;
    assert_eq!(taken, stage.sign_up("sam", json!({ "email": "sam@spam.example" })).await);
    assert!(taken.is_err());
}

#[tokio::test]
async fn an_administrator_creates_whom_they_like() {
    let stage = stage(UNIQUE_EMAIL);
    assert!(stage.sign_up("alex", json!({ "email": "alex@example.com" })).await.is_ok());
    let created = json!({
        "triggerSource": "PreSignUp_AdminCreateUser", "userName": "sam",
        "request": { "userAttributes": { "email": "alex@example.com" } },
    });
    assert!(answer(&stage.trigger, created).await.is_ok());
}

/// Without the table uniqueness is unknown, so every sign-up is refused.
#[tokio::test]
async fn a_dead_table_closes_the_door() {
    let stage = stage(UNIQUE_EMAIL);
    stage.table.fail();
    let outcome = stage.sign_up("alex", json!({ "email": "alex@example.com" })).await;
    assert_eq!(outcome, Err(Refusal::TemporarilyUnavailable));
}

/// Simulates 1,000 unconfirmed sign-ups a day, each under another name and as early as possible. The owner
/// waits for 30 minutes at most, whenever they come. So do all who come within a day together.
#[tokio::test]
async fn abandoned_sign_ups_block_an_address_30_minutes_a_day() {
    let minute = SignedDuration::from_mins(1);
    let email = || json!({ "email": "alex@example.com" });
    let mut longest = SignedDuration::ZERO;
    for arrival in 0..48 {
        let stage = stage(UNIQUE_EMAIL);
        let arrives = START + SignedDuration::from_mins(30 * arrival);
        let mut attempts = 0;
        while stage.clock.now() < arrives {
            let _abandoned = stage.sign_up(&format!("squatter-{attempts}"), email()).await;
            attempts += 1;
            // This makes a thousand a day.
            stage.clock.advance(SignedDuration::from_millis(86_400));
        }
        // The owner always comes a moment after the next sign-up.
        let came = stage.clock.now();
        loop {
            let _abandoned = stage.sign_up(&format!("squatter-{attempts}"), email()).await;
            attempts += 1;
            if stage.sign_up("owner", email()).await.is_ok() {
                break;
            }
            stage.clock.advance(minute);
        }
        longest = longest.max(stage.clock.now().duration_since(came));
    }
    println!("the owner waits for {longest:#} at most");
    assert!(longest <= SignedDuration::from_mins(30), "{longest:#}");
    assert!(longest >= SignedDuration::from_mins(29), "the test sees no hold: {longest:#}");
}
