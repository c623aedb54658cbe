//! Sign-ins with passkeys in custom challenges, on in-memory ports.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use jiff::SignedDuration;
use mfa_core::{
    custom_auth::{DefineDecision, token_gate::TokenDecision},
    factors::{
        custom::{
            CustomFactorStore as _, CustomFactors, FactorId, PasskeyRegistration,
            passkey::RegistrationCeremony,
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::{Clock as _, RelyingParty, UserId},
};
use mfa_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, InMemoryTable, Said, SoftwareAuthenticator};
use serde_json::Value;

const PASSKEYS: &str = "[passkeys]\nrelying_party_id = 'example.com'\norigins = ['https://login.example.com']\n\
                        [custom_auth.clients.custom]\nfactor_kinds = ['email', 'totp', 'passkey']\n";

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn stage(rule: &str) -> (Arc<InMemoryTable>, CustomAuthStage) {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::new(&format!("{PASSKEYS}{rule}"), &table);
    (table, stage)
}

/// Registers a passkey and returns the handle that its authenticator keeps.
async fn register(
    table: &InMemoryTable,
    user: &UserId,
    device: &SoftwareAuthenticator,
    now: jiff::Timestamp,
) -> String {
    let party = RelyingParty::new("example.com", &["https://login.example.com".to_owned()]).unwrap();
    let begun = RegistrationCeremony::begin(&party, user, "name", []).unwrap();
    let answer = device.register(&Said::to(&begun.options, "webauthn.create", None)).to_string();
    let credential = RegistrationCeremony::finish(&party, user, &begun.state, answer.as_bytes()).unwrap();
    let name = FriendlyDeviceName::parse("Laptop").unwrap();
    let start = PasskeyRegistration { name, state: begun.state.clone(), begun_at: now };
    let change = async |plan: &dyn Fn(&CustomFactors) -> mfa_core::factors::custom::Change| {
        let seen = table.custom_factors(user).await.unwrap();
        table.change(user, seen.revision, &plan(&seen)).await.unwrap();
    };
    change(&|seen| seen.start_passkey(start.clone()).unwrap()).await;
    let id = FactorId::parse(&"e".repeat(32)).unwrap();
    change(&|seen| seen.confirm_passkey(id.clone(), &begun.state, credential.clone(), now).unwrap()).await;
    begun.options["user"]["id"].as_str().unwrap().to_owned()
}

/// Returns the answer of an honest browser to the challenge that waits.
fn answer(sign_in: &CustomSignIn, device: &SoftwareAuthenticator, handle: &str, counter: u32) -> String {
    let options: Value = serde_json::from_str(&sign_in.public["publicKey"]).unwrap();
    let said = Said { counter, ..Said::to(&options, "webauthn.get", Some(handle.to_owned())) };
    device.assert(&said).to_string()
}

async fn asked(stage: &CustomAuthStage, mut sign_in: CustomSignIn) -> CustomSignIn {
    assert_eq!(sign_in.begin(stage).await, DefineDecision::Challenge);
    assert_eq!(sign_in.answer(stage, "passkey").await, DefineDecision::Challenge);
    assert_eq!(sign_in.public["factor"], "passkey");
    sign_in
}

#[tokio::test]
async fn a_passkey_signs_in_beside_the_password_and_by_name() {
    for (rule, is_named, level) in [("", false, 3), ("first_step = 'passwordless'", true, 2)] {
        let (table, stage) = stage(rule);
        let (alex, device) = (user("alex"), SoftwareAuthenticator::new(1));
        let handle = register(&table, &alex, &device, stage.clock.now()).await;
        let new = || {
            if is_named {
                CustomSignIn::without_password("alex", Some(&alex))
            } else {
                CustomSignIn::with_password("alex", &alex)
            }
        };
        let mut sign_in = asked(&stage, new()).await;
        let right = answer(&sign_in, &device, &handle, 2);
        assert!(right.len() < 1_024, "{} bytes", right.len());
        assert_eq!(sign_in.answer(&stage, &right).await, DefineDecision::IssueTokens);
        let TokenDecision::Granted(granted) = stage.token(&alex, CUSTOM, None).await else {
            unreachable!("a proof was made")
        };
        let claims = format!("{granted:?}");
        assert!(claims.contains(&format!("level: {level}")), "{claims}");
        assert!(claims.contains("second_factor_at: Some"), "the user took part: {claims}");

        // The same counter again is a clone of the authenticator.
        let mut sign_in = asked(&stage, new()).await;
        let cloned = answer(&sign_in, &device, &handle, 2);
        assert_ne!(sign_in.answer(&stage, &cloned).await, DefineDecision::IssueTokens);
        let right = answer(&sign_in, &device, &handle, 3);
        assert_eq!(sign_in.answer(&stage, &right).await, DefineDecision::IssueTokens);
    }
}

#[tokio::test]
async fn an_assertion_is_of_one_round_of_one_sign_in_of_one_user() {
    let (table, stage) = stage("wrong_answers = 5");
    let (alex, sam) = (user("alex"), user("sam"));
    let (device, sams) = (SoftwareAuthenticator::new(1), SoftwareAuthenticator::new(2));
    let handle = register(&table, &alex, &device, stage.clock.now()).await;
    let sams_handle = register(&table, &sam, &sams, stage.clock.now()).await;
    let mut refused = 0;
    let mut refuse = |accepted: bool, what: &str| {
        assert!(!accepted, "{what}");
        refused += 1;
    };
    let first = asked(&stage, CustomSignIn::with_password("alex", &alex)).await;
    let stolen = answer(&first, &device, &handle, 2);
    let mut second = asked(&stage, CustomSignIn::with_password("alex", &alex)).await;
    refuse(second.verify(&stage, &stolen, None).await, "another sign-in's assertion");
    let mut others = asked(&stage, CustomSignIn::with_password("sam", &sam)).await;
    refuse(others.verify(&stage, &stolen, None).await, "at another user's sign-in");
    let of_sam = answer(&second, &sams, &sams_handle, 2);
    assert_eq!(second.answer(&stage, &of_sam).await, DefineDecision::Challenge, "another user's passkey");
    let before = answer(&second, &device, &handle, 2);
    second.answer(&stage, "{}").await;
    refuse(second.verify(&stage, &before, None).await, "the challenge of the round before");
    others.answer(&stage, "{}").await;
    let options_of_alex = first.public["publicKey"].clone();
    assert!(!others.public["publicKey"].contains("AQEB"), "only the user's own passkeys are named");
    assert!(options_of_alex.contains("AQEB"));
    println!("{refused} replays refused");
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn by_name_every_name_sees_the_same_options() {
    let (table, stage) = stage("first_step = 'passwordless'");
    let (alex, device) = (user("alex"), SoftwareAuthenticator::new(1));
    let handle = register(&table, &alex, &device, stage.clock.now()).await;
    let sam = user("sam");
    let mut seen = Vec::new();
    for who in [Some(&alex), Some(&sam), None] {
        let mut sign_in = asked(&stage, CustomSignIn::without_password("name", who)).await;
        let mut options: Value = serde_json::from_str(&sign_in.public["publicKey"]).unwrap();
        options["challenge"] = Value::Null;
        seen.push((sign_in.public["factors"].clone(), options));
        let said = answer(&sign_in, &device, &handle, 2);
        let decided = sign_in.answer(&stage, &said).await;
        assert_eq!(decided == DefineDecision::IssueTokens, who == Some(&alex));
        stage.clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test]
async fn a_removed_passkey_ends_sign_ins_that_began_before() {
    let (table, stage) = stage("");
    let (alex, device) = (user("alex"), SoftwareAuthenticator::new(1));
    let handle = register(&table, &alex, &device, stage.clock.now()).await;
    let sign_in = asked(&stage, CustomSignIn::with_password("alex", &alex)).await;
    let right = answer(&sign_in, &device, &handle, 2);
    let seen = table.custom_factors(&alex).await.unwrap();
    let removed = seen.remove_passkey(&FactorId::parse(&"e".repeat(32)).unwrap()).unwrap();
    table.change(&alex, seen.revision, &removed).await.unwrap();
    assert!(!sign_in.verify(&stage, &right, None).await);
}
