//! Tests the samples of docs/operators/rules. Each refuses and permits the documented events. A user does not
//! pass by omitting a value. All samples together agree with an evaluator that was written without Cedar.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use mfa_core::{
    config::Policy,
    kernel::{Clock, Refusal},
    rules::Rules,
    trigger::{PreAuthentication, PreSignUp, answer},
};
use mfa_rules::CedarRules;
use mfa_testkit::{InMemoryTable, ManualClock};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators/rules")
}

/// Reads only the rules of the given samples.
fn rules(names: &[&str]) -> Arc<dyn Rules> {
    let texts: Vec<_> = names
        .iter()
        .map(|name| (*name, fs::read_to_string(samples().join(format!("{name}.cedar"))).unwrap()))
        .collect();
    Arc::new(of_texts(texts.iter().map(|(name, text)| (*name, text.as_str()))))
}

fn folder<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    for (name, text) in texts {
        fs::write(folder.path().join(format!("rules/{name}.cedar")), text).unwrap();
    }
    folder
}

fn of_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> CedarRules {
    CedarRules::of_folder(folder(texts).path()).unwrap().unwrap()
}

const STAFF_CLIENT: &str = "1example23456789exampleab";
const OPEN: &str = "2026-02-28T12:00:00Z";

/// Returns an event that no sample refuses.
fn event(source: &str) -> Value {
    let mut event = json!({
        "version": "1", "triggerSource": source, "userName": "alex", "userPoolId": "us-east-1_ExamplePl",
        "callerContext": { "clientId": STAFF_CLIENT },
        "request": {
            "userAttributes": {
                "email": "alex@example.com", "phone_number": "+4915123456789", "custom:team": "support",
                "given_name": "Alex",
            },
            "validationData": { "appVersion": "2.5.0" },
        },
        "response": {},
    });
    if source.starts_with("PreAuthentication") {
        event["request"]["userAttributes"]["sub"] = json!("a1b2c3d4-5678-40ab-9cde-f0123456789a");
    }
    event
}

const SIGN_UP: &str = "PreSignUp_SignUp";
const SIGN_IN: &str = "PreAuthentication_Authentication";

/// Returns the trigger's answer to the event, with these rules and at that time.
async fn decide(rules: Arc<dyn Rules>, event: Value, at: &str) -> Result<(), Refusal> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(at.parse().unwrap()));
    let policy = Policy::default();
    let answered = if event["triggerSource"] == SIGN_UP {
        answer(&PreSignUp::new(policy.sign_up, Some(rules), None, clock), event).await
    } else {
        let guard = mfa_core::config::load(&|_| None, mfa_core::sign_in::SignInSettings::read).unwrap();
        let guard = guard.guard(Arc::new(InMemoryTable::default()));
        answer(&PreAuthentication::new(guard, Some(rules), clock), event).await
    };
    answered.map(drop)
}

fn set(event: &mut Value, pointer: &str, value: &Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    let name = name.replace("~1", "/");
    match value {
        Value::Null => parent.remove(&name),
        value => parent.insert(name, value.clone()),
    };
}

const EMAIL: &str = "/request/userAttributes/email";
const PHONE: &str = "/request/userAttributes/phone_number";
const TEAM: &str = "/request/userAttributes/custom:team";
const VERSION: &str = "/request/validationData/appVersion";
const CLIENT: &str = "/callerContext/clientId";

#[rstest]
#[case("10-minimum-app-version", SIGN_IN, VERSION, &["2.5", "2.5.1", "3", "10.0.0"], &["2.4.999", "2", "2.5.0-beta", "x", ""])]
#[case("10-minimum-app-version", SIGN_UP, VERSION, &["2.5.0"], &["2.4.9"])]
#[case("20-allowed-domains", SIGN_UP, EMAIL, &["a@example.com", "a@EXAMPLE.ORG", "a@mail.example.org"], &["a@mail.example.com", "a@notexample.org", "a@example.net"])]
#[case("21-denied-domains", SIGN_UP, EMAIL, &["a@example.com"], &["a@spam.example", "a@Competitor.Example"])]
#[case("22-disposable-domains", SIGN_UP, EMAIL, &["a@example.com"], &["a@mailinator.com", "a@YOPMAIL.com"])]
#[case("30-blocked-countries", SIGN_UP, PHONE, &["+4915123456789", "+12025550123"], &["+8501921234567", "+963944567890", "+881612345678"])]
#[case("30-blocked-countries", SIGN_IN, PHONE, &["+4915123456789"], &["+963944567890"])]
#[case("50-group-only-client", SIGN_IN, TEAM, &["support", "operations"], &["sales", "Support", "support "])]
#[case("60-invited-only", SIGN_UP, EMAIL, &["alex@example.com", "ALEX@Example.com", "sam@example.org"], &["alex@example.org", "eve@example.com"])]
#[case("70-phone-number-required", SIGN_UP, PHONE, &["+4915123456789", "+12025550123"], &["+4930123456", "+49151234567"])]
#[tokio::test]
async fn a_sample_refuses_and_permits(
    #[case] sample: &str,
    #[case] source: &str,
    #[case] pointer: &str,
    #[case] permitted: &[&str],
    #[case] refused: &[&str],
) {
    let rules = rules(&[sample]);
    for (values, passes) in [(permitted, true), (refused, false)] {
        for value in values {
            let mut event = event(source);
            set(&mut event, pointer, &json!(value));
            let outcome = decide(rules.clone(), event, OPEN).await;
            assert_eq!(outcome.is_ok(), passes, "{value}: {outcome:?}");
        }
    }
    let mut without = event(source);
    set(&mut without, pointer, &Value::Null);
    assert!(decide(rules, without, OPEN).await.is_err(), "leaving it out is no way around");
}

#[rstest]
#[case("2026-03-01T01:59:59.999Z", true)]
#[case("2026-03-01T02:00:00Z", false)]
#[case("2026-03-01T03:59:59.999Z", false)]
#[case("2026-03-01T04:00:00Z", true)]
#[tokio::test]
async fn a_maintenance_window_opens_and_closes(#[case] at: &str, #[case] passes: bool) {
    let rules = rules(&["40-maintenance-window"]);
    for source in [SIGN_UP, SIGN_IN] {
        let outcome = decide(rules.clone(), event(source), at).await.map_err(Refusal::text);
        let closed = Err("Closed for maintenance until 04:00 UTC");
        assert_eq!(outcome, if passes { Ok(()) } else { closed }, "{source}");
    }
}

#[tokio::test]
async fn a_rule_is_for_its_action_and_its_client_only() {
    let staff = rules(&["50-group-only-client"]);
    let mut customer = event(SIGN_IN);
    set(&mut customer, TEAM, &Value::Null);
    assert!(decide(staff.clone(), customer.clone(), OPEN).await.is_err());
    set(&mut customer, CLIENT, &json!("another"));
    assert!(decide(staff, customer, OPEN).await.is_ok());
    let mut elsewhere = event(SIGN_IN);
    set(&mut elsewhere, EMAIL, &json!("a@example.net"));
    assert!(decide(rules(&["20-allowed-domains"]), elsewhere, OPEN).await.is_ok(), "who has an account");
}

/// A refused event stays refused if any attribute is absent.
#[tokio::test]
async fn leaving_an_attribute_out_opens_no_door() {
    let refused = [
        ("10-minimum-app-version", SIGN_IN, VERSION, "2.4.0"),
        ("20-allowed-domains", SIGN_UP, EMAIL, "a@example.net"),
        ("21-denied-domains", SIGN_UP, EMAIL, "a@spam.example"),
        ("22-disposable-domains", SIGN_UP, EMAIL, "a@mailinator.com"),
        ("30-blocked-countries", SIGN_UP, PHONE, "+963944567890"),
        ("30-blocked-countries", SIGN_IN, PHONE, "+963944567890"),
        ("50-group-only-client", SIGN_IN, TEAM, "sales"),
        ("60-invited-only", SIGN_UP, EMAIL, "eve@example.com"),
        ("70-phone-number-required", SIGN_UP, PHONE, "+4930123456"),
    ];
    let (mut removed, mut wrong) = (0, Vec::new());
    for (sample, source, pointer, value) in refused {
        let mut given = event(source);
        set(&mut given, pointer, &json!(value));
        assert!(decide(rules(&[sample]), given.clone(), OPEN).await.is_err(), "{sample}");
        for member in ["userAttributes", "validationData"] {
            let names: Vec<String> = given["request"][member].as_object().unwrap().keys().cloned().collect();
            for name in names {
                let mut less = given.clone();
                less["request"][member].as_object_mut().unwrap().remove(&name);
                removed += 1;
                if decide(rules(&[sample]), less, OPEN).await.is_ok() {
                    wrong.push(format!("{sample} without {name}"));
                }
            }
        }
        for member in ["userAttributes", "validationData", "clientMetadata"] {
            let mut less = given.clone();
            less["request"][member] = Value::Null;
            removed += 1;
            if decide(rules(&[sample]), less, OPEN).await.is_ok() {
                wrong.push(format!("{sample} without {member}"));
            }
        }
    }
    println!("{removed} removals, {} wrong permits", wrong.len());
    assert!(removed >= 60 && wrong.is_empty(), "{removed} removals: {wrong:?}");
}

/// Cedar itself would permit these events: a `forbid` over an absent value fails and is skipped.
#[tokio::test]
async fn a_failing_rule_refuses_every_user() {
    let careless = [
        r#"forbid (principal, action, resource) when { context.emailDomain == "spam.example" };"#,
        r#"forbid (principal, action, resource) when { principal.getTag("custom:team") == "sales" };"#,
        r#"forbid (principal, action, resource) when { context.appNumbers.getTag("build") < 7 };"#,
        "forbid (principal, action, resource) when { context.phoneCountry.nothing };",
        "forbid (principal, action, resource) when { context.now + 1 > 2 };",
    ];
    for text in careless {
        let rules: Arc<dyn Rules> = Arc::new(of_texts([("careless", text)]));
        let mut bare = event(SIGN_UP);
        bare["request"]["userAttributes"] = json!({});
        bare["request"]["validationData"] = Value::Null;
        assert_eq!(decide(rules, bare, OPEN).await, Err(Refusal::SignUpNotPossible), "{text}");
    }
}

/// Amplify v5 sends `validationData`, v6 `clientMetadata`.
#[tokio::test]
async fn what_an_app_says_counts_wherever_it_stands() {
    let rules = rules(&["10-minimum-app-version"]);
    let outcomes = [
        (json!({ "appVersion": "2.5.0" }), Value::Null),
        (Value::Null, json!({ "appVersion": "2.5.0" })),
        (json!({ "appVersion": "2.5.0" }), json!({ "appVersion": "1.0.0" })),
        (json!({ "appVersion": "1.0.0" }), json!({ "appVersion": "2.5.0" })),
        (json!({}), json!({ "appVersion": 2_005_000 })),
    ];
    let mut passed = Vec::new();
    for (validation_data, client_metadata) in outcomes {
        let mut given = event(SIGN_UP);
        given["request"]["validationData"] = validation_data;
        given["request"]["clientMetadata"] = client_metadata;
        passed.push(decide(rules.clone(), given, OPEN).await.is_ok());
    }
    assert_eq!(passed, [true, true, true, false, false]);
}

#[tokio::test]
async fn the_first_rule_speaks() {
    let all = rules(&["10-minimum-app-version", "22-disposable-domains", "60-invited-only"]);
    let mut given = event(SIGN_UP);
    set(&mut given, EMAIL, &json!("a@mailinator.com"));
    let text = |outcome: Result<(), Refusal>| outcome.unwrap_err();
    let refusal = text(decide(all.clone(), given.clone(), OPEN).await);
    assert_eq!(
        (refusal.code(), refusal.text()),
        ("refused-by-rule", "Sign up with an e-mail address of your own")
    );
    set(&mut given, VERSION, &json!("1"));
    assert_eq!(text(decide(all.clone(), given, OPEN).await).text(), "Update the app to go on");
    let mut uninvited = event(SIGN_UP);
    set(&mut uninvited, EMAIL, &json!("a@example.com"));
    assert_eq!(text(decide(all, uninvited, OPEN).await), Refusal::SignUpNotPossible, "no message of its own");
}

/// Decides like the samples, in plain Rust.
fn naive(event: &Value, at: Timestamp) -> Option<&'static str> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let is_sign_up = event["triggerSource"] == SIGN_UP;
    let said = text(VERSION).or_else(|| text("/request/clientMetadata/appVersion"));
    let parts = |version: &str| -> Option<Vec<u64>> {
        let mut parts: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        parts.resize(3, 0);
        Some(parts)
    };
    if said.and_then(parts).is_none_or(|version| version < vec![2, 5, 0]) {
        return Some("10-minimum-app-version");
    }
    let email = text(EMAIL).map(str::to_lowercase);
    let domain = email.as_deref().and_then(|email| email.split_once('@')).map(|(_, domain)| domain);
    let country = text(PHONE).map(|number| match number.get(..3) {
        Some("+49") => "DE",
        Some("+12") => "US",
        Some("+96") => "SY",
        _ => "",
    });
    let is_mobile =
        text(PHONE).is_some_and(|number| number.starts_with("+4915") || number.starts_with("+12"));
    let allowed =
        |domain: &str| ["example.com", "example.org"].contains(&domain) || domain.ends_with(".example.org");
    if is_sign_up && !domain.is_some_and(allowed) {
        return Some("20-allowed-domains");
    }
    if is_sign_up && domain.is_none_or(|domain| ["competitor.example", "spam.example"].contains(&domain)) {
        return Some("21-denied-domains");
    }
    if country.is_none_or(|country| ["KP", "SY", ""].contains(&country)) {
        return Some("30-blocked-countries");
    }
    let window = ["2026-03-01T02:00:00Z", "2026-03-01T04:00:00Z"].map(|at| at.parse::<Timestamp>().unwrap());
    if (window[0]..window[1]).contains(&at) {
        return Some("40-maintenance-window");
    }
    let team = text(TEAM);
    if !is_sign_up
        && text(CLIENT) == Some(STAFF_CLIENT)
        && !team.is_some_and(|team| ["operations", "support"].contains(&team))
    {
        return Some("50-group-only-client");
    }
    let invited = ["alex@example.com", "sam@example.org"];
    if is_sign_up && !email.is_some_and(|email| invited.contains(&email.as_str())) {
        return Some("60-invited-only");
    }
    if is_sign_up && !is_mobile {
        return Some("70-phone-number-required");
    }
    None
}

/// xorshift64* with the same events in every run.
struct Seeded(u64);

impl Seeded {
    fn pick<'a>(&mut self, from: &[&'a str]) -> Option<&'a str> {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        // The extra index means an absent value.
        from.get(usize::try_from(drawn).unwrap() % (from.len() + 1)).copied()
    }
}

#[tokio::test]
async fn ten_thousand_random_events_match_the_reference_decision() {
    let names = [
        "10-minimum-app-version",
        "20-allowed-domains",
        "21-denied-domains",
        "30-blocked-countries",
        "40-maintenance-window",
        "50-group-only-client",
        "60-invited-only",
        "70-phone-number-required",
    ];
    let together = of_texts_named(&names);
    let mut seeded = Seeded(0x5eed);
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..10_000 {
        let source = seeded.pick(&[SIGN_UP, SIGN_IN]).unwrap_or(SIGN_IN);
        let mut given = event(source);
        let versions = ["2.5.0", "2.5", "3.0.1", "2.6", "12", "2.4.9", "soon", "2.5.1"];
        let emails = [
            "alex@example.com",
            "Alex@Example.com",
            "sam@example.org",
            "eve@example.com",
            "a@mail.example.org",
            "alex@example.com",
            "a@spam.example",
            "a@example.net",
        ];
        let phones = ["+4915123456789", "+12025550123", "+4930123456", "+963944567890", "+4915123456780"];
        for (pointer, values) in [
            (VERSION, &versions[..]),
            (EMAIL, &emails[..]),
            (PHONE, &phones[..]),
            (TEAM, &["support", "operations", "sales"][..]),
            (CLIENT, &[STAFF_CLIENT, "another"][..]),
        ] {
            let value = seeded.pick(values).map_or(Value::Null, |value| json!(value));
            set(&mut given, pointer, &value);
        }
        if let Some(version) = seeded.pick(&["2.5.0", "1"]) {
            given["request"]["clientMetadata"] = json!({ "appVersion": version });
        }
        let at = seeded.pick(&[OPEN, "2026-03-01T02:30:00Z", "2026-03-01T04:00:00Z", OPEN]).unwrap_or(OPEN);
        let expected = naive(&given, at.parse().unwrap());
        let outcome = decide(together.rules.clone(), given.clone(), at).await;
        let said = outcome.err().map(Refusal::text);
        assert_eq!(said, expected.map(|name| together.texts[name]), "{given} at {at}: {expected:?}");
        *reached.entry(expected.unwrap_or("nobody refuses")).or_default() += 1;
    }
    println!("{reached:?}");
    assert!(reached.len() > 7 && reached.values().all(|times| *times > 30), "{reached:?}");
}

struct Together {
    rules: Arc<dyn Rules>,
    /// The message of each sample.
    texts: BTreeMap<&'static str, &'static str>,
}

fn of_texts_named(names: &[&'static str]) -> Together {
    let texts = names
        .iter()
        .map(|name| {
            let text = fs::read_to_string(samples().join(format!("{name}.cedar"))).unwrap();
            let message = text.lines().find_map(|line| line.strip_prefix("@message(\"")?.strip_suffix("\")"));
            let message = message.map(str::to_owned);
            (*name, message.map_or(Refusal::SignUpNotPossible.text(), |message| &*message.leak()))
        })
        .collect();
    Together { rules: rules(names), texts }
}
