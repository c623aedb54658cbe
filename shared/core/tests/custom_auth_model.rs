//! Checks every possible session up to a depth of six, at every kind of policy. Tokens are issued only if the
//! policy's factors were proven. The test computes the proven factors again from the raw session, by rules
//! written by hand for each policy.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use jiff::Timestamp;
use mfa_core::{
    assurance::PasswordRecovery,
    config::Policy,
    custom_auth::{
        Proven, Requirements,
        machine::{NextStep, SessionItem, next},
        round_state::{ChallengeSlot, Nonce, RoundPrompt, RoundState},
        state::ChallengeState,
    },
    kernel::CustomFactor::{self, EmailCode, SmsCode, Totp, TrustedDevice},
};

const DEPTH: usize = 6;

/// Every challenge name except `CUSTOM_CHALLENGE` (cognito.md §1.12 and §3.1), and some unknown names.
const NAMES: [&str; 17] = [
    "SRP_A",
    "PASSWORD_VERIFIER",
    "NEW_PASSWORD_REQUIRED",
    "SMS_MFA",
    "EMAIL_OTP",
    "SOFTWARE_TOKEN_MFA",
    "DEVICE_SRP_AUTH",
    "DEVICE_PASSWORD_VERIFIER",
    "ADMIN_NO_SRP_AUTH",
    "SELECT_MFA_TYPE",
    "MFA_SETUP",
    "SELECT_CHALLENGE",
    "SMS_OTP",
    "PASSWORD",
    "WEB_AUTHN",
    "custom_challenge",
    "",
];

/// One custom challenge, as session and record describe it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Custom {
    result: bool,
    /// Absent in the challenge that asks which factor.
    asked: Option<CustomFactor>,
    recorded: Option<CustomFactor>,
    metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metadata {
    Own,
    Null,
    Garbage,
    OtherSignIn,
    /// Claims more proofs than the sign-in has.
    Boasting,
}

#[derive(Debug, Clone, Copy)]
enum Symbol {
    Cognito { name: &'static str, result: bool },
    Ours(Custom),
}

/// Returns all symbols. `at_once` is the factor proven without an earlier choice.
fn symbols(at_once: CustomFactor) -> Vec<Symbol> {
    let cognito =
        NAMES.into_iter().flat_map(|name| [true, false].map(|result| Symbol::Cognito { name, result }));
    let custom = |result, asked, recorded| Custom { result, asked, recorded, metadata: Metadata::Own };
    let mut ours = vec![
        custom(false, None, None),
        custom(true, None, Some(at_once)),
        custom(false, Some(EmailCode), None),
        custom(true, Some(EmailCode), Some(EmailCode)),
        custom(true, Some(Totp), Some(Totp)),
        // Session and record disagree.
        custom(true, None, None),
        custom(false, None, Some(at_once)),
        custom(true, Some(EmailCode), None),
        custom(true, Some(EmailCode), Some(Totp)),
        custom(false, Some(EmailCode), Some(EmailCode)),
    ];
    for metadata in [Metadata::Null, Metadata::Garbage, Metadata::OtherSignIn, Metadata::Boasting] {
        for result in [true, false] {
            ours.push(Custom { metadata, ..custom(result, None, result.then_some(at_once)) });
        }
    }
    cognito.chain(ours.into_iter().map(Symbol::Ours)).collect()
}

/// A partial session, with the proofs that it deserves.
#[derive(Debug, Clone, Default)]
struct History {
    symbols: Vec<Symbol>,
    metadata: Vec<Option<String>>,
    recorded: BTreeMap<u32, CustomFactor>,
    native: BTreeSet<CustomFactor>,
    custom: BTreeSet<CustomFactor>,
}

impl History {
    fn password(&self) -> bool {
        let is = |at: usize, expected: &str| matches!(self.symbols.get(at), Some(Symbol::Cognito { name, result: true }) if *name == expected);
        is(0, "SRP_A") && is(1, "PASSWORD_VERIFIER")
    }

    fn with(&self, symbol: Symbol) -> Self {
        let mut after = self.clone();
        let at = u32::try_from(self.symbols.len()).unwrap();
        let mut metadata = None;
        match symbol {
            Symbol::Cognito { name, result: true } if self.password() => {
                let factor = match name {
                    "SMS_MFA" => Some(SmsCode),
                    "EMAIL_OTP" => Some(EmailCode),
                    "SOFTWARE_TOKEN_MFA" => Some(Totp),
                    _ => None,
                };
                after.native.extend(factor);
            }
            Symbol::Cognito { .. } => {}
            Symbol::Ours(custom) => {
                after.recorded.extend(custom.recorded.map(|factor| (at, factor)));
                metadata = self.metadata(custom, at);
                let is_own = custom.metadata == Metadata::Own;
                if let (true, true, Some(factor)) = (custom.result, is_own, custom.recorded)
                    && custom.asked.is_none_or(|asked| asked == factor)
                {
                    after.custom.insert(factor);
                }
            }
        }
        after.symbols.push(symbol);
        after.metadata.push(metadata);
        after
    }

    fn metadata(&self, custom: Custom, at: u32) -> Option<String> {
        let nonce = |digit: &str| Nonce::parse(&digit.repeat(32)).unwrap();
        let mut round = RoundState {
            nonce: nonce("a"),
            slot: Some(ChallengeSlot::ALL[0]),
            factor_epoch: 0,
            proven: Proven {
                password: self.password(),
                native: self.native.clone(),
                custom: self.custom.clone(),
                enrolled: false,
            },
            offered: CustomFactor::ALL.into(),
            ask: custom
                .asked
                .map_or(RoundPrompt::Begin, |factor| RoundPrompt::Code { factor, round_index: at }),
        };
        match custom.metadata {
            Metadata::Null => return None,
            Metadata::Garbage => return Some("OTP-123456".into()),
            Metadata::OtherSignIn => round.nonce = nonce("b"),
            Metadata::Boasting => round.proven.custom.extend(CustomFactor::ALL),
            Metadata::Own => {}
        }
        Some(round.text())
    }

    fn next(&self, requirements: &Requirements) -> NextStep {
        let items: Vec<_> = self
            .symbols
            .iter()
            .zip(&self.metadata)
            .map(|(symbol, metadata)| {
                let (name, result) = match symbol {
                    Symbol::Cognito { name, result } => (*name, *result),
                    Symbol::Ours(custom) => ("CUSTOM_CHALLENGE", custom.result),
                };
                SessionItem { name, result, metadata: metadata.as_deref() }
            })
            .collect();
        let record = ChallengeState {
            nonce: Nonce::parse(&"a".repeat(32)).unwrap(),
            client: "client".into(),
            until: Timestamp::MAX,
            comparisons: 0,
            chosen: None,
            effects: BTreeMap::new(),
            proven: self.recorded.clone(),
            codes: BTreeMap::new(),
        };
        next(&items, Some(&record), requirements, false)
    }
}

/// A policy, with the proofs that it requires, written by hand.
struct Sample {
    name: &'static str,
    rule: &'static str,
    is_enough: fn(&History) -> bool,
}

impl Sample {
    fn at_once(&self) -> CustomFactor {
        if self.rule.contains("trusted_device = true") { TrustedDevice } else { Totp }
    }
}

fn is_password_first(history: &History) -> bool {
    history.password()
}

fn counts(history: &History, kinds: &[CustomFactor]) -> usize {
    let has = |factor: &&CustomFactor| history.native.contains(factor) || history.custom.contains(factor);
    kinds.iter().filter(has).count()
}

fn has_device(history: &History) -> bool {
    history.custom.contains(&TrustedDevice)
}

const SAMPLES: [Sample; 5] = [
    Sample {
        name: "password, one factor",
        rule: "factors = 1\ntrusted_device = false",
        is_enough: |history| is_password_first(history) && counts(history, &[EmailCode, SmsCode, Totp]) >= 1,
    },
    Sample {
        name: "password, one factor or a trusted device",
        rule: "factors = 1\ntrusted_device = true",
        is_enough: |history| {
            is_password_first(history)
                && counts(history, &[EmailCode, SmsCode, Totp]) + usize::from(has_device(history)) >= 1
        },
    },
    Sample {
        name: "passwordless, one factor",
        rule: "first_step = 'passwordless'\nfactors = 1\ntrusted_device = false",
        is_enough: |history| counts(history, &[EmailCode, SmsCode, Totp]) >= 1,
    },
    Sample {
        name: "passwordless, two factors, of which one may be a trusted device",
        rule: "first_step = 'passwordless'\nfactors = 2\ntrusted_device = true",
        is_enough: |history| {
            counts(history, &[EmailCode, SmsCode, Totp]) + usize::from(has_device(history)) >= 2
        },
    },
    Sample {
        name: "passwordless, administrators with an authenticator and an e-mail code",
        rule: "first_step = 'passwordless'\nfactors = 1\ngroups.admins.factors = 2\ngroups.admins.factor_kinds = ['totp', 'email']",
        is_enough: |history| counts(history, &[EmailCode, Totp]) == 2,
    },
];

#[derive(Debug, Default)]
struct Found {
    tried: u64,
    /// Sessions known to fail because their beginning fails.
    covered: u64,
    issued: u64,
    violations: Vec<String>,
    /// Sessions that deserve tokens and get none. This is acceptable where the session is broken otherwise.
    refused: u64,
}

fn walk(
    history: &History,
    symbols: &[Symbol],
    sample: &Sample,
    requirements: &Requirements,
    found: &mut Found,
) {
    found.tried += 1;
    let deserves = (sample.is_enough)(history) && !history.custom.is_empty();
    match history.next(requirements) {
        NextStep::IssueTokens(_) => {
            found.issued += 1;
            if !deserves {
                found.violations.push(format!("{:?}", history.symbols));
            }
        }
        NextStep::Fail(why) if is_for_good(why) => {
            // The state machine reads from the first member on and stops at the first invalid one.
            let left = u32::try_from(DEPTH - history.symbols.len()).unwrap();
            let below: u64 = (1..=left).map(|depth| u64::try_from(symbols.len()).unwrap().pow(depth)).sum();
            found.tried += below;
            found.covered += below;
            return;
        }
        _ => found.refused += u64::from(deserves),
    }
    if history.symbols.len() < DEPTH {
        for symbol in symbols {
            walk(&history.with(*symbol), symbols, sample, requirements, found);
        }
    }
}

/// Returns whether no later member can repair the session.
fn is_for_good(why: mfa_core::custom_auth::machine::FailReason) -> bool {
    use mfa_core::custom_auth::machine::FailReason;
    matches!(
        why,
        FailReason::UnexpectedChallenge
            | FailReason::NotPassed
            | FailReason::ForeignRound
            | FailReason::NotRecorded
    )
}

fn requirements(rule: &str) -> Requirements {
    let text = format!("[custom_auth.clients.custom]\n{rule}");
    let policy = Policy::read(Some(&text)).unwrap().custom_auth;
    Requirements::new(&policy.clients["custom"], ["admins"], PasswordRecovery { email: false, sms: false })
}

#[test]
fn tokens_only_where_the_policys_factors_were_proven() {
    let results: Vec<_> = thread::scope(|scope| {
        let walks: Vec<_> = SAMPLES
            .iter()
            .map(|sample| {
                scope.spawn(move || {
                    let mut found = Found::default();
                    let symbols = symbols(sample.at_once());
                    walk(&History::default(), &symbols, sample, &requirements(sample.rule), &mut found);
                    found
                })
            })
            .collect();
        walks.into_iter().map(|walk| walk.join().unwrap()).collect()
    });
    for (sample, found) in SAMPLES.iter().zip(&results) {
        println!(
            "{}: {} histories to depth {DEPTH} ({} asked one by one, the rest begin like one that failed for \
             good), {} with tokens, violations {}",
            sample.name,
            found.tried,
            found.tried - found.covered,
            found.issued,
            found.violations.len()
        );
        assert_eq!(found.violations, Vec::<String>::new(), "{}", sample.name);
        assert!(found.issued > 0, "{}: somebody can sign in", sample.name);
        assert_eq!(found.refused, 0, "{}: who has proven everything is let in", sample.name);
        let symbols = symbols(sample.at_once());
        let all: u64 = (0..=6).map(|depth| u64::try_from(symbols.len()).unwrap().pow(depth)).sum();
        assert_eq!(found.tried, all, "none was left out");
    }
}

/// The walk relies on this: a session whose beginning fails for good fails whatever follows.
#[test]
fn a_session_that_failed_for_good_stays_failed() {
    for sample in &SAMPLES {
        let symbols = symbols(sample.at_once());
        let requirements = requirements(sample.rule);
        let fails = |history: &History| match history.next(&requirements) {
            NextStep::Fail(why) => is_for_good(why),
            _ => false,
        };
        for first in &symbols {
            for second in &symbols {
                let two = History::default().with(*first).with(*second);
                if fails(&two) {
                    assert!(symbols.iter().all(|third| fails(&two.with(*third))), "{two:?}");
                }
            }
        }
    }
}
