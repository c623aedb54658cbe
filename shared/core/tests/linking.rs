//! First sign-ins through an identity provider, linked with existing accounts.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;

use mfa_core::{
    config::Policy,
    kernel::{Refusal, SystemClock},
    sign_up::{FederatedIdentity, Linking},
    trigger::{PreSignUp, answer},
};
use mfa_testkit::InMemoryLinks;
use serde_json::{Value, json};

fn links(accounts: &[(&str, &str)]) -> Arc<InMemoryLinks> {
    Arc::new(InMemoryLinks::with(accounts))
}

fn trigger(policy: &str, links: &Arc<InMemoryLinks>) -> PreSignUp {
    let policy = Policy::read(Some(&format!("[sign_up]\n{policy}"))).unwrap().sign_up;
    let linking = Linking::new(policy.link_providers.clone(), links.clone());
    PreSignUp::new(policy, None, None, Arc::new(SystemClock)).with_linking(linking)
}

fn event(source: &str, user_name: &str, verified: &str) -> Value {
    json!({
        "triggerSource": source, "userPoolId": "pool", "userName": user_name,
        "request": { "userAttributes": { "email": "alex@example.com", "email_verified": verified } },
        "response": {},
    })
}

const EXTERNAL: &str = "PreSignUp_ExternalProvider";
const GOOGLE: &str = "link_providers = ['Google', 'Corp']";

#[tokio::test]
async fn a_listed_providers_identity_is_linked_by_verified_address() {
    for (user_name, provider, subject) in [
        ("Google_1000", "Google", "1000"),
        ("google_1000", "Google", "1000"),
        ("Corp_alex@example.com", "Corp", "alex@example.com"),
    ] {
        let links = links(&[("sam", "sam@example.com"), ("alex", "alex@example.com")]);
        let outcome = answer(&trigger(GOOGLE, &links), event(EXTERNAL, user_name, "true")).await;
        assert_eq!(outcome, Err(Refusal::AccountLinked), "no user of its own is made");
        let identity = FederatedIdentity { provider: provider.to_owned(), subject: subject.to_owned() };
        assert_eq!(links.links(), [("alex".to_owned(), identity)]);
    }
}

/// A case-insensitive pool writes the whole user name in lower case.
#[tokio::test]
async fn a_subject_keeps_the_capitals_of_its_provider() {
    let custom = "custom:provider_subject";
    for (user_name, mapped, linked) in [
        (
            "Corp_AItOawmwtWwcT0k51BayewNvutrJUqsvl6qs7A4",
            None,
            Some("AItOawmwtWwcT0k51BayewNvutrJUqsvl6qs7A4"),
        ),
        ("corp_aitoawmwtwwct0k51bayewnvutrjuqsvl6qs7a4", None, None),
        ("corp_aitoawmwt", Some("AItOawmwt"), Some("AItOawmwt")),
        ("corp_aitoawmwt", Some("aitoawmwt"), Some("aitoawmwt")),
        ("corp_aitoawmwt", Some("AItOawmwu"), None),
        ("corp_amzn1.account.ae3xlplv", None, None),
        ("corp_größe", None, None),
        ("corp_abe", None, None),
        ("corp_001234.0a1b2c3d4e5f.0456", None, None),
        (
            "corp_001234.0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d.0456",
            None,
            Some("001234.0a1b2c3d4e5f0a1b2c3d4e5f0a1b2c3d.0456"),
        ),
        ("corp_9f3c2a71-4b5e-4d0f-8a6b-0c1d2e3f4a5b", None, Some("9f3c2a71-4b5e-4d0f-8a6b-0c1d2e3f4a5b")),
        ("google_100000000000000000001", None, Some("100000000000000000001")),
    ] {
        let links = links(&[("alex", "alex@example.com")]);
        let mut given = event(EXTERNAL, user_name, "true");
        if let Some(mapped) = mapped {
            given["request"]["userAttributes"][custom] = mapped.into();
        }
        let _refused_if_linked = answer(&trigger(GOOGLE, &links), given).await;
        let subjects: Vec<_> = links.links().into_iter().map(|(_, identity)| identity.subject).collect();
        assert_eq!(subjects, Vec::from_iter(linked), "{user_name} {mapped:?}");
    }
}

#[tokio::test]
async fn everybody_else_stays_apart() {
    let one = [("alex", "alex@example.com")];
    let two = [("alex", "alex@example.com"), ("kim", "alex@example.com")];
    let none = [("sam", "sam@example.com")];
    for (why, policy, accounts, source, user_name, verified) in [
        ("off by default", "", &one[..], EXTERNAL, "Google_1", "true"),
        ("another provider", GOOGLE, &one, EXTERNAL, "Facebook_1", "true"),
        ("a provider that only begins so", GOOGLE, &one, EXTERNAL, "GooglePlus_1", "true"),
        ("a provider whose name goes on", GOOGLE, &one, EXTERNAL, "Corp_Guests_1", "true"),
        ("the same in lower case", GOOGLE, &one, EXTERNAL, "corp_guests_1", "true"),
        ("a provider that is spelt otherwise", GOOGLE, &one, EXTERNAL, "CORP_1", "true"),
        ("nobody", GOOGLE, &one, EXTERNAL, "Google_", "true"),
        ("not verified there", GOOGLE, &one, EXTERNAL, "Google_1", "false"),
        ("not verified there", GOOGLE, &one, EXTERNAL, "Google_1", ""),
        ("no account", GOOGLE, &none, EXTERNAL, "Google_1", "true"),
        ("two accounts", GOOGLE, &two, EXTERNAL, "Google_1", "true"),
        ("signs up by themselves", GOOGLE, &one, "PreSignUp_SignUp", "Google_1", "true"),
    ] {
        let links = links(accounts);
        let given = event(source, user_name, verified);
        assert_eq!(answer(&trigger(policy, &links), given.clone()).await.unwrap(), given, "{why}");
        assert!(links.links().is_empty(), "{why}");
    }
}

#[tokio::test]
async fn a_closed_policy_links_no_identity() {
    let links = links(&[("alex", "alex@example.com")]);
    let trigger = trigger(&format!("open = false\n{GOOGLE}"), &links);
    assert_eq!(answer(&trigger, event(EXTERNAL, "Google_1", "true")).await, Err(Refusal::SignUpClosed));
    assert!(links.links().is_empty());
}
