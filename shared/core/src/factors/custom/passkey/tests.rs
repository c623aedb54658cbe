use data_encoding::BASE64URL_NOPAD as B64;
use mfa_testkit::{Said, SoftwareAuthenticator};
use serde_json::Value;

use super::{AssertionCeremony, PasskeyCredential, RegistrationCeremony};
use crate::kernel::{RelyingParty, UserId};

fn relying_party() -> RelyingParty {
    RelyingParty::new("example.com", &["https://login.example.com".to_owned()]).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn registered(device: &SoftwareAuthenticator, name: &str) -> PasskeyCredential {
    let begun = RegistrationCeremony::begin(&relying_party(), &user(name), name, []).unwrap();
    let answer = device.register(&Said::to(&begun.options, "webauthn.create", None)).to_string();
    RegistrationCeremony::finish(&relying_party(), &user(name), &begun.state, answer.as_bytes()).unwrap()
}

fn handle_of(name: &str) -> String {
    let begun = RegistrationCeremony::begin(&relying_party(), &user(name), name, []).unwrap();
    begun.options["user"]["id"].as_str().unwrap().to_owned()
}

fn signs_in(ceremony: &AssertionCeremony, passkeys: &[PasskeyCredential], answer: &Value) -> bool {
    let answer = answer.to_string();
    AssertionCeremony::finish(&relying_party(), &user("alex"), passkeys, &ceremony.state, answer.as_bytes())
        .is_ok()
}

#[test]
fn options_ask_for_a_verified_user_and_a_passkey_that_the_browser_finds() {
    let device = SoftwareAuthenticator::new(1);
    let kept = registered(&device, "alex");
    let options =
        RegistrationCeremony::begin(&relying_party(), &user("alex"), "Müller", [&kept]).unwrap().options;
    assert_eq!(options["rp"]["id"], "example.com");
    assert_eq!(options["user"]["name"], "Müller");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["excludeCredentials"][0]["id"], B64.encode(&kept.id));
    assert_ne!(options["user"]["id"], B64.encode(b"alex"), "not the handle of the pool's own passkeys");

    let identified = AssertionCeremony::begin(&relying_party(), [&kept]).unwrap().options.to_string();
    let by_name = AssertionCeremony::begin_by_name(&relying_party()).unwrap().options.to_string();
    for options in [&identified, &by_name] {
        assert!(options.contains("\"userVerification\":\"required\""), "{options}");
    }
    assert!(identified.contains(&B64.encode(&kept.id)), "{identified}");
    assert!(!by_name.contains(&B64.encode(&kept.id)), "{by_name}");
}

#[test]
fn a_passkey_signs_in_with_and_without_a_name() {
    let device = SoftwareAuthenticator::new(1);
    let kept = [registered(&device, "alex")];
    for ceremony in [
        AssertionCeremony::begin(&relying_party(), &kept).unwrap(),
        AssertionCeremony::begin_by_name(&relying_party()).unwrap(),
    ] {
        let said =
            Said { counter: 2, ..Said::to(&ceremony.options, "webauthn.get", Some(handle_of("alex"))) };
        let answer = device.assert(&said).to_string();
        let asserted = AssertionCeremony::finish(
            &relying_party(),
            &user("alex"),
            &kept,
            &ceremony.state,
            answer.as_bytes(),
        )
        .unwrap();
        assert_eq!(asserted.id, kept[0].id);
        assert_ne!(asserted.state, kept[0].state, "the counter has changed");
        // The state of the passkey after this sign-in refuses the same counter.
        let after = [PasskeyCredential { state: asserted.state, ..kept[0].clone() }];
        assert!(signs_in(&ceremony, &kept, &device.assert(&said)));
        assert!(!signs_in(&ceremony, &after, &device.assert(&said)), "a cloned counter");
    }
}

/// Each case changes one member of a right answer.
fn wrong_answers(right: &Said) -> Vec<(&'static str, Said)> {
    let said = || right.clone();
    vec![
        ("user not verified", Said { flags: 1 | 8, ..said() }),
        ("user not present", Said { flags: 4 | 8, ..said() }),
        ("no longer eligible for a backup", Said { flags: 1 | 4, ..said() }),
        ("wrong origin", Said { origin: "https://login.example.net", ..said() }),
        ("origin below", Said { origin: "https://a.login.example.com", ..said() }),
        ("origin of the domain itself", Said { origin: "https://example.com", ..said() }),
        ("origin without TLS", Said { origin: "http://login.example.com", ..said() }),
        ("cross-origin", Said { cross_origin: true, ..said() }),
        ("wrong relying party", Said { relying_party: "login.example.com", ..said() }),
        ("wrong type", Said { kind: "webauthn.create", ..said() }),
        ("another challenge", Said { challenge: B64.encode(&[7; 16]), ..said() }),
        ("no challenge", Said { challenge: String::new(), ..said() }),
        ("cloned counter", Said { counter: 1, ..said() }),
        ("counter gone back", Said { counter: 0, ..said() }),
        ("wrong signature", Said { breaks_signature: true, ..said() }),
        ("another user's handle", Said { handle: Some(handle_of("sam")), ..said() }),
        ("a handle of the wrong length", Said { handle: Some(B64.encode(b"alex")), ..said() }),
    ]
}

#[test]
fn wrong_assertions_are_refused() {
    let (device, other, twin) =
        (SoftwareAuthenticator::new(1), SoftwareAuthenticator::new(2), SoftwareAuthenticator::new(1));
    let kept = [registered(&device, "alex")];
    let sams = registered(&other, "sam");
    let mut refusals = 0;
    let mut refuse = |what: &str, is_right: bool| {
        assert!(!is_right, "{what}");
        refusals += 1;
    };
    for is_by_name in [true, false] {
        let begin = || {
            if is_by_name {
                AssertionCeremony::begin_by_name(&relying_party()).unwrap()
            } else {
                AssertionCeremony::begin(&relying_party(), &kept).unwrap()
            }
        };
        let ceremony = begin();
        let right =
            Said { counter: 2, ..Said::to(&ceremony.options, "webauthn.get", Some(handle_of("alex"))) };
        assert!(signs_in(&ceremony, &kept, &device.assert(&right)), "the case before all others");
        for (what, said) in wrong_answers(&right) {
            refuse(what, signs_in(&ceremony, &kept, &device.assert(&said)));
        }
        let assertion = device.assert(&right);
        refuse("another session's assertion", signs_in(&begin(), &kept, &assertion));
        refuse("unknown credential", signs_in(&ceremony, &kept, &other.assert(&right)));
        refuse("no passkey", signs_in(&ceremony, &[], &assertion));
        refuse("another key with the same id", signs_in(&ceremony, &kept, &twin.assert(&right)));
        // A passkey that was registered after this challenge, or by another user.
        let sam = Said { handle: Some(handle_of("sam")), ..right.clone() };
        refuse("another user's passkey", signs_in(&ceremony, &kept, &other.assert(&sam)));
        refuse(
            "the other user's passkey in our list",
            signs_in(&ceremony, std::slice::from_ref(&sams), &other.assert(&sam)),
        );
        if is_by_name {
            let unnamed = Said { handle: None, ..right.clone() };
            refuse("no handle", signs_in(&ceremony, &kept, &device.assert(&unnamed)));
        }
        let mut swapped = assertion.clone();
        swapped["rawId"] = B64.encode(&other.id).into();
        refuse("two ids", signs_in(&ceremony, &kept, &swapped));
        let text = assertion.to_string();
        for length in 0..text.len() {
            let cut = &text.as_bytes()[..length];
            let alex = user("alex");
            let answer = AssertionCeremony::finish(&relying_party(), &alex, &kept, &ceremony.state, cut);
            refuse("truncated answer", answer.is_ok());
        }
        for member in ["clientDataJSON", "authenticatorData", "signature"] {
            let bytes = B64.decode(assertion["response"][member].as_str().unwrap().as_bytes()).unwrap();
            for length in 0..bytes.len() {
                let mut cut = assertion.clone();
                cut["response"][member] = B64.encode(&bytes[..length]).into();
                refuse("truncated member", signs_in(&ceremony, &kept, &cut));
            }
        }
        for length in 0..ceremony.state.len() {
            let cut = AssertionCeremony { state: ceremony.state[..length].to_vec(), ..ceremony.clone() };
            refuse("truncated state", signs_in(&cut, &kept, &assertion));
        }
        let mut other_kind = ceremony.clone();
        other_kind.state[0] ^= 1;
        refuse("the state of the other kind", signs_in(&other_kind, &kept, &assertion));
    }
    println!("{refusals} assertions refused");
    assert!(refusals > 1_000);
}

#[test]
fn wrong_attestations_are_refused() {
    let device = SoftwareAuthenticator::new(1);
    let begun = RegistrationCeremony::begin(&relying_party(), &user("alex"), "alex", []).unwrap();
    let finish = |name: &str, state: &[u8], answer: &str| {
        RegistrationCeremony::finish(&relying_party(), &user(name), state, answer.as_bytes()).is_ok()
    };
    let right = Said::to(&begun.options, "webauthn.create", None);
    let text = device.register(&right).to_string();
    assert!(finish("alex", &begun.state, &text), "the case before all others");
    let mut refusals = 0;
    let mut refuse = |what: &str, is_right: bool| {
        assert!(!is_right, "{what}");
        refusals += 1;
    };
    let said = || right.clone();
    for (what, said) in [
        ("user not verified", Said { flags: 1 | 8, ..said() }),
        ("user not present", Said { flags: 4 | 8, ..said() }),
        ("backed up and not eligible", Said { flags: 1 | 4 | 16, ..said() }),
        ("wrong origin", Said { origin: "https://login.example.net", ..said() }),
        ("cross-origin", Said { cross_origin: true, ..said() }),
        ("wrong relying party", Said { relying_party: "login.example.com", ..said() }),
        ("wrong type", Said { kind: "webauthn.get", ..said() }),
        ("another challenge", Said { challenge: B64.encode(&[7; 16]), ..said() }),
    ] {
        refuse(what, finish("alex", &begun.state, &device.register(&said).to_string()));
    }
    let again = RegistrationCeremony::begin(&relying_party(), &user("alex"), "alex", []).unwrap();
    refuse("another registration's state", finish("alex", &again.state, &text));
    refuse("another user", finish("sam", &begun.state, &text));
    for length in 0..text.len() {
        refuse("truncated answer", finish("alex", &begun.state, &text[..length]));
    }
    for length in 0..begun.state.len() {
        refuse("truncated state", finish("alex", &begun.state[..length], &text));
    }
    println!("{refusals} attestations refused");
}

/// Passkeys that a provider synchronizes have no counter.
#[test]
fn a_passkey_without_a_counter_signs_in_again() {
    let device = SoftwareAuthenticator::new(1);
    let begun = RegistrationCeremony::begin(&relying_party(), &user("alex"), "alex", []).unwrap();
    let said = Said { counter: 0, ..Said::to(&begun.options, "webauthn.create", None) };
    let answer = device.register(&said).to_string();
    let kept = RegistrationCeremony::finish(&relying_party(), &user("alex"), &begun.state, answer.as_bytes());
    let kept = [kept.unwrap()];
    for _ in 0..2 {
        let ceremony = AssertionCeremony::begin(&relying_party(), &kept).unwrap();
        let said = Said { counter: 0, ..Said::to(&ceremony.options, "webauthn.get", None) };
        assert!(signs_in(&ceremony, &kept, &device.assert(&said)));
    }
}
