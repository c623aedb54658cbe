//! Sign-ins by custom challenges on in-memory ports, step by step as Cognito calls them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use mfa_core::{
    assurance::{Evidence, PasswordRecovery},
    custom_auth::{
        DefineDecision,
        port::{Challenges, NAME_ONLY_TOTP_ATTEMPTS, StateKey},
        token_gate::TokenDecision,
    },
    delivery::OutboundMessage,
    factors::{
        custom::{
            Authenticator, Change, CustomFactorStore, DEVICE_TRUST, DeviceKey, DeviceStatement, FactorId,
            RecoveryCode, Seeds, TotpSeed, TrustedDevice,
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::{Clock, CustomFactor, OneTimeCode, UserId},
};
use mfa_testkit::{
    CUSTOM, CustomAuthStage, CustomSignIn, InMemorySeeds, InMemoryTable, NATIVE, SeededEntropy,
};

const PASSWORDLESS: &str = "[custom_auth.clients.custom]\nfirst_step = 'passwordless'\n";
const SEED: &[u8] = b"12345678901234567890";

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn stage(policy: &str) -> (Arc<InMemoryTable>, CustomAuthStage) {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::new(policy, &table);
    (table, stage)
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn other_than(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn change(table: &InMemoryTable, user: &UserId, change: Change) {
    let seen = table.custom_factors(user).await.unwrap().revision;
    table.change(user, seen, &change).await.unwrap();
}

async fn add_authenticator(
    table: &InMemoryTable,
    user: &UserId,
    id: &str,
    seed: &[u8],
    now: jiff::Timestamp,
) {
    let mut authenticators = table.custom_factors(user).await.unwrap().authenticators;
    let seed = InMemorySeeds.seal(user, &TotpSeed::from_bytes(seed).unwrap()).await.unwrap();
    let name = FriendlyDeviceName::parse("Phone").unwrap();
    let added = Authenticator { name, seed, created_at: now, is_confirmed: true };
    authenticators.insert(FactorId::parse(&id.repeat(32)).unwrap(), added);
    change(table, user, Change { authenticators: Some(authenticators), ..Change::default() }).await;
}

/// Returns the code of the seed at the clock's time, computed independently of the core.
fn totp(stage: &CustomAuthStage, seed: &[u8], steps: i64) -> String {
    let step = u64::try_from(stage.clock.now().as_second() / 30 + steps).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let mac = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn an_e_mail_code_signs_in_and_a_proof_is_redeemed_once() {
    let (_, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    assert_eq!(sign_in.begin(&stage).await, DefineDecision::Challenge);
    assert_eq!(
        sign_in.public["factors"], "email,sms,totp,recovery-code,trusted-device",
        "what the client counts"
    );
    assert!(stage.queue.taken().is_empty(), "begin sends nothing");
    assert_eq!(sign_in.answer(&stage, "EMAIL").await, DefineDecision::Challenge);
    let code = stage.code().await.unwrap();
    assert_eq!(stage.token(&alex, CUSTOM, None).await, TokenDecision::NotProven);
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, NATIVE, None).await.is_granted(), "no factor of ours is set up");
    assert_eq!(stage.token(&user("sam"), CUSTOM, None).await, TokenDecision::NotProven);
    assert_eq!(stage.token(&alex, "other", None).await, TokenDecision::UnknownClient);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
    assert_eq!(stage.token(&alex, CUSTOM, None).await, TokenDecision::NotProven);
}

/// The limits on the number of calls of each step.
#[tokio::test]
async fn each_step_takes_no_more_calls_than_promised() {
    let (table, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    let mut steps = Vec::new();
    let mut count = |step: &str, most: u32| {
        let calls = table.sign_in_calls();
        assert!(calls <= most, "{step}: {calls}");
        steps.push(format!("{step} {calls}"));
    };
    sign_in.define(&stage).await;
    count("Define, first", 1);
    sign_in.create(&stage).await;
    count("Create, begin", 2);
    sign_in.verify(&stage, "email", None).await;
    count("Verify, choice", 2);
    sign_in.answer(&stage, "email").await;
    table.sign_in_calls();
    sign_in.create(&stage).await;
    count("Create, code", 2);
    let code = stage.code().await.unwrap();
    table.sign_in_calls();
    sign_in.verify(&stage, &other_than(&code), None).await;
    count("Verify, wrong", 2);
    sign_in.answer(&stage, &other_than(&code)).await;
    table.sign_in_calls();
    sign_in.verify(&stage, &code, None).await;
    count("Verify, right", 2);
    sign_in.define(&stage).await;
    count("Define, later", 1);
    stage.token(&alex, CUSTOM, None).await;
    count("pre-token, custom client", 1);
    stage.token(&alex, NATIVE, None).await;
    count("pre-token, native client", 1);
    println!("reads and writes: {}", steps.join("; "));
}

#[tokio::test]
async fn an_authenticator_code_works_once_per_step() {
    let (table, stage) = stage("");
    let alex = user("alex");
    let other_seed = b"abcdefghijklmnopqrst";
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    add_authenticator(&table, &alex, "b", other_seed, stage.clock.now()).await;
    let begun = async || {
        let mut sign_in = CustomSignIn::with_password("alex", &alex);
        assert_eq!(sign_in.begin(&stage).await, DefineDecision::Challenge);
        sign_in
    };
    let mut at_once = begun().await;
    assert_eq!(at_once.public["factors"], "totp", "stronger than a message");
    assert_eq!(at_once.answer(&stage, &totp(&stage, SEED, 0)).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());

    let mut replayed = begun().await;
    assert_eq!(replayed.answer(&stage, "totp").await, DefineDecision::Challenge);
    assert_eq!(replayed.public["codeLength"], "6");
    for (seed, steps, why) in [
        (SEED, 0, "used"),
        (other_seed.as_slice(), 0, "the step is used up for every authenticator"),
        (SEED, -1, "older than the last one"),
        (SEED, 2, "too early"),
    ] {
        assert_eq!(
            replayed.answer(&stage, &totp(&stage, seed, steps)).await,
            DefineDecision::Challenge,
            "{why}"
        );
    }
    assert_eq!(replayed.answer(&stage, &totp(&stage, other_seed, 1)).await, DefineDecision::IssueTokens);
    assert!(stage.queue.taken().is_empty());
    assert_eq!(stage.token(&alex, NATIVE, None).await, TokenDecision::NotProven, "no factor of Cognito's");
}

#[tokio::test]
async fn a_recovery_code_works_once() {
    let (table, stage) = stage("");
    let alex = user("alex");
    let code = RecoveryCode::generate(&SeededEntropy::new(7)).unwrap();
    let hashes = [code.hash(&stage.key, &alex)].into();
    change(&table, &alex, Change { recovery: Some(hashes), ..Change::default() }).await;
    for expected in [DefineDecision::IssueTokens, DefineDecision::Challenge] {
        let mut sign_in = CustomSignIn::with_password("alex", &alex);
        sign_in.begin(&stage).await;
        assert_eq!(sign_in.answer(&stage, &code.readable()).await, expected);
    }
    assert_eq!(table.custom_factors(&alex).await.unwrap().recovery, [].into());
}

struct Device {
    id: FactorId,
    pair: EcdsaKeyPair,
}

impl Device {
    async fn trusted(table: &InMemoryTable, user: &UserId, stage: &CustomAuthStage) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (id, now) = (FactorId::parse(&"d".repeat(32)).unwrap(), stage.clock.now());
        let device = TrustedDevice {
            name: FriendlyDeviceName::parse("Laptop").unwrap(),
            key: DeviceKey::from_point(pair.public_key().as_ref()).unwrap(),
            created_at: now,
            expires_at: now.checked_add(DEVICE_TRUST).unwrap(),
        };
        let devices = [(id.clone(), device)].into();
        change(table, user, Change { devices: Some(devices), ..Change::default() }).await;
        Self { id, pair }
    }

    fn sign(&self, nonce: &str, user: &UserId, client_id: &str) -> String {
        let statement = DeviceStatement { nonce, user, client_id };
        let signature = self.pair.sign(&SystemRandom::new(), statement.text().as_bytes()).unwrap();
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        format!(r#"{{"device":"{}","signature":"{signature}"}}"#, self.id.as_str())
    }
}

#[tokio::test]
async fn a_trusted_device_replaces_the_second_factor_only() {
    let (table, stage) = stage("");
    let (alex, sam) = (user("alex"), user("sam"));
    let device = Device::trusted(&table, &alex, &stage).await;
    let begun = async |user: &UserId| {
        let mut sign_in = CustomSignIn::with_password("name", user);
        assert_eq!(sign_in.begin(&stage).await, DefineDecision::Challenge);
        sign_in
    };
    let mut sign_in = begun(&alex).await;
    assert_eq!(sign_in.public["factors"], "email,sms,trusted-device");
    let signed = device.sign(&sign_in.public["nonce"], &alex, CUSTOM);
    assert_eq!(sign_in.answer(&stage, &signed).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());

    let mut accepted = 0;
    for _ in 0..1_000 {
        stage.clock.advance(seconds(181));
        let sign_in = begun(&alex).await;
        accepted += u32::from(sign_in.verify(&stage, &signed, None).await);
    }
    println!("1,000 replays of a signature: {accepted} accepted");
    assert_eq!(accepted, 0);
    let locked = table.read(&StateKey::User(alex.clone())).await.unwrap();
    assert_eq!(locked.failure_counts.failures.values().max(), Some(&100), "and the device is locked");

    let (table, stage) = self::stage("");
    let device = Device::trusted(&table, &alex, &stage).await;
    let mut sign_in = CustomSignIn::with_password("name", &alex);
    sign_in.begin(&stage).await;
    let nonce = sign_in.public["nonce"].clone();
    for other in [
        device.sign(&"0".repeat(32), &alex, CUSTOM),
        device.sign(&nonce, &sam, CUSTOM),
        device.sign(&nonce, &alex, NATIVE),
    ] {
        assert_eq!(sign_in.answer(&stage, &other).await, DefineDecision::Challenge, "not what was signed");
    }
    table.revoke_devices(&alex).await.unwrap();
    let late = device.sign(&nonce, &alex, CUSTOM);
    assert_eq!(sign_in.answer(&stage, &late).await, DefineDecision::Challenge, "the device is gone");
}

#[tokio::test]
async fn a_trusted_device_expires_and_never_suffices_alone() {
    let (table, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let device = Device::trusted(&table, &alex, &stage).await;
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    let signed = device.sign(&sign_in.public["nonce"], &alex, CUSTOM);
    assert_eq!(sign_in.answer(&stage, &signed).await, DefineDecision::Challenge, "more must be proven");
    assert_eq!(sign_in.public["factors"], "email,sms");
    assert_eq!(stage.token(&alex, CUSTOM, None).await, TokenDecision::NotProven);

    stage.clock.advance(DEVICE_TRUST);
    let mut later = CustomSignIn::with_password("alex", &alex);
    later.begin(&stage).await;
    assert_eq!(later.public["factors"], "email,sms");
}

#[tokio::test]
async fn two_factors_where_the_policy_asks_for_two() {
    let (table, stage) = stage("[custom_auth.clients.custom]\nfactors = 2\nkeep_weaker = true\n");
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    let mut sign_in = CustomSignIn::with_password("alex", &alex);
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "email").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::Challenge);
    assert_eq!(sign_in.public["factors"], "sms,totp", "what was proven is not offered again");
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::Challenge, "a code works once");
    assert_eq!(stage.token(&alex, CUSTOM, None).await, TokenDecision::NotProven);
    assert_eq!(sign_in.answer(&stage, &totp(&stage, SEED, 0)).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
}

#[tokio::test]
async fn a_code_ends_and_another_may_be_asked_for() {
    let (_, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "sms").await;
    let code = stage.code().await.unwrap();
    assert_eq!((sign_in.public["expiresIn"].as_str(), sign_in.public["canResendIn"].as_str()), ("180", "60"));
    sign_in.answer(&stage, "RESEND").await;
    assert_eq!(stage.queue.taken().len(), 1, "too early");
    stage.clock.advance(seconds(180));
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::Challenge, "it has ended");
    assert_eq!(sign_in.public["attemptsLeft"], "5");
    sign_in.answer(&stage, "RESEND").await;
    let another = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &another).await, DefineDecision::IssueTokens);
}

#[tokio::test]
async fn an_older_code_works_where_the_policy_keeps_it() {
    for (policy, expected) in
        [("resend = 'keep'", DefineDecision::IssueTokens), ("resend = 'replace'", DefineDecision::Challenge)]
    {
        let (_, stage) = stage(&format!("[custom_auth]\n{policy}\n{PASSWORDLESS}"));
        let mut sign_in = CustomSignIn::without_password("alex", Some(&user("alex")));
        sign_in.begin(&stage).await;
        sign_in.answer(&stage, "email").await;
        let first = stage.code().await.unwrap();
        stage.clock.advance(seconds(60));
        sign_in.answer(&stage, "resend").await;
        let second = stage.code().await.unwrap();
        assert_ne!(first, second);
        assert_eq!(sign_in.answer(&stage, &first).await, expected, "{policy}");
    }
}

/// Three deliveries of one event make one code, and a right answer stays right.
#[tokio::test]
async fn repeated_deliveries_change_nothing() {
    let (_, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.create(&stage).await;
    for _ in 0..3 {
        assert!(!sign_in.verify(&stage, "email", None).await);
    }
    sign_in.answer(&stage, "email").await;
    sign_in.create(&stage).await;
    let messages = stage.queue.taken();
    assert!(messages.len() > 1 && messages.iter().all(|message| *message == messages[0]), "one identity");
    let code = stage.code().await.unwrap();
    for _ in 0..3 {
        assert!(!sign_in.verify(&stage, &other_than(&code), None).await);
    }
    assert!(!sign_in.verify(&stage, &code, None).await, "another answer to the same round");
    sign_in.answer(&stage, &other_than(&code)).await;
    assert_eq!(sign_in.public["attemptsLeft"], "4", "counted once");
    for _ in 0..3 {
        assert!(sign_in.verify(&stage, &code, None).await);
    }
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
    assert_eq!(stage.token(&alex, CUSTOM, None).await, TokenDecision::NotProven, "one sign-in");
}

#[tokio::test]
async fn nothing_can_be_moved_from_one_sign_in_to_another() {
    let (table, stage) = stage(PASSWORDLESS);
    let (alex, sam) = (user("alex"), user("sam"));
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    let begun = async |user: &UserId, choice: &str| {
        let mut sign_in = CustomSignIn::without_password(user.as_str(), Some(user));
        sign_in.begin(&stage).await;
        sign_in.answer(&stage, choice).await;
        let code = stage.code().await;
        (sign_in, code)
    };
    let (one, one_code) = begun(&alex, "email").await;
    let (two, two_code) = begun(&alex, "email").await;
    let (three, three_code) = begun(&sam, "email").await;
    let (one_code, two_code, three_code) = (one_code.unwrap(), two_code.unwrap(), three_code.unwrap());
    let mut other_client = one.clone();
    other_client.client_id = NATIVE;
    let (by_sms, _) = begun(&alex, "sms").await;
    for (what, sign_in, answer) in [
        ("session", &one, &two_code),
        ("user", &three, &one_code),
        ("user’s challenge", &one.with_private_of(&three), &three_code),
        ("user’s challenge, by the other", &three.with_private_of(&one), &one_code),
        ("client", &other_client, &one_code),
        ("factor", &by_sms, &one_code),
        ("factor’s code", &one.with_private_of(&by_sms), &one_code),
    ] {
        assert!(!sign_in.verify(&stage, answer, None).await, "{what}");
    }
    let (four, four_code) = begun(&sam, "sms").await;
    assert!(four.verify(&stage, &four_code.unwrap(), None).await, "what was not moved works");
    assert!(two.clone().with_private_of(&two).verify(&stage, &two_code, None).await);
}

#[tokio::test]
async fn wrong_name_only_codes_never_lock_password_sign_ins() {
    let (table, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    let (mut tried, mut compared) = (0, 0);
    while tried < 10_000 {
        let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
        sign_in.begin(&stage).await;
        for _ in 0..5 {
            tried += 1;
            let before = table.read(&StateKey::User(alex.clone())).await.unwrap();
            sign_in.answer(&stage, "000000").await;
            let after = table.read(&StateKey::User(alex.clone())).await.unwrap();
            compared += u32::from(before.failure_counts.by_name != after.failure_counts.by_name);
        }
        stage.clock.advance(seconds(1));
    }
    let mut signed_in = 0;
    for _ in 0..20 {
        stage.clock.advance(seconds(60));
        let mut sign_in = CustomSignIn::with_password("alex", &alex);
        sign_in.begin(&stage).await;
        assert!(sign_in.public["factors"].contains("totp"), "no factor is locked");
        sign_in.answer(&stage, "email").await;
        if let Some(code) = stage.code().await {
            signed_in += u32::from(sign_in.answer(&stage, &code).await == DefineDecision::IssueTokens);
        }
    }
    println!(
        "{tried} wrong codes by name, {compared} of them compared; password and code: {signed_in} of 20"
    );
    assert_eq!(signed_in, 20);
    assert!(compared <= 25, "{compared}");
}

#[tokio::test]
async fn a_factor_locks_after_100_failures_until_another_succeeds() {
    let (table, stage) = stage("[custom_auth.clients.custom]\nkeep_weaker = true\n");
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    let mut open = CustomSignIn::with_password("alex", &alex);
    open.begin(&stage).await;
    open.answer(&stage, "totp").await;
    for _ in 0..20 {
        let mut sign_in = CustomSignIn::with_password("alex", &alex);
        sign_in.begin(&stage).await;
        for _ in 0..5 {
            sign_in.answer(&stage, "000000").await;
        }
        stage.clock.advance(seconds(181));
    }
    assert_eq!(open.answer(&stage, &totp(&stage, SEED, 0)).await, DefineDecision::Challenge, "opened before");
    let mut sign_in = CustomSignIn::with_password("alex", &alex);
    sign_in.begin(&stage).await;
    assert_eq!(sign_in.public["factors"], "email,sms", "off");
    sign_in.answer(&stage, "email").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    let mut sign_in = CustomSignIn::with_password("alex", &alex);
    sign_in.begin(&stage).await;
    assert_eq!(sign_in.public["factors"], "email,sms,totp", "back, by a sign-in with another");
}

/// Beyond a limit, and for an unknown name, the sign-in looks the same to its end.
#[tokio::test]
async fn decoy_sign_ins_look_like_real_ones() {
    let (table, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    let course = async |name: &str, user: Option<&UserId>, has_code: bool| {
        let mut sign_in = CustomSignIn::without_password(name, user);
        let mut seen = vec![format!("{:?}", sign_in.begin(&stage).await)];
        seen.push(sign_in.public.keys().copied().collect::<Vec<_>>().join(","));
        let mut calls = Vec::new();
        for answer in ["email", "000000", "000000", "RESEND", "BACK", "email", "000000", "000000", "000000"] {
            table.sign_in_calls();
            seen.push(format!("{:?}", sign_in.answer(&stage, answer).await));
            calls.push(table.sign_in_calls());
            let mut public = sign_in.public.clone();
            // The nonce is random, and the masked address has the same form for another address.
            assert_eq!(public.remove("nonce").map(|nonce| nonce.len()), Some(32));
            if let Some(destination) = public.get_mut("destination") {
                *destination = destination.replace(|letter: char| letter.is_ascii_alphanumeric(), "x");
            }
            seen.push(format!("{public:?}"));
        }
        let messages = stage.queue.taken();
        assert_eq!(
            messages.last().is_some_and(|message| matches!(message, OutboundMessage::ChallengeCode(_))),
            has_code,
            "{name}"
        );
        (seen, calls, messages.len())
    };
    let (known, known_calls, sent) = course("alex", Some(&alex), true).await;
    assert_eq!(known.iter().filter(|step| *step == "Fail").count(), 1);
    let (unknown, unknown_calls, sent_after) = course("nobody@example.com", None, false).await;
    assert_eq!(unknown, known);
    assert_eq!(unknown_calls, known_calls, "as many reads and writes");
    assert_eq!(sent_after, 2 * sent, "as many parcels, all of them dummies");
    for _ in 0..4 {
        let (held_back, calls, _) = course("alex", Some(&alex), false).await;
        assert_eq!((&held_back, &calls), (&known, &known_calls), "too many wrong answers by name");
    }
    let names: Vec<_> = ["ann", "+12025550199", "kim@example.org"].into_iter().collect();
    let mut shown = Vec::new();
    for name in names {
        for _ in 0..2 {
            let mut sign_in = CustomSignIn::without_password(name, None);
            sign_in.begin(&stage).await;
            sign_in.answer(&stage, "email").await;
            shown.push(sign_in.public["destination"].clone());
        }
    }
    assert!(shown.chunks(2).all(|pair| pair[0] == pair[1]), "the same whenever it is asked: {shown:?}");
    assert_eq!(shown[4], "k***@e***");
}

const BY_EMAIL: PasswordRecovery = PasswordRecovery { email: true, sms: false };

/// Returns the default stack: e-mail recovers passwords.
fn default_stage() -> (Arc<InMemoryTable>, CustomAuthStage) {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::with("", &table, 1, BY_EMAIL);
    (table, stage)
}

fn evidence(gate: &TokenDecision) -> Option<Evidence> {
    match gate {
        TokenDecision::Granted(admitted) => admitted.evidence,
        TokenDecision::UnknownClient | TokenDecision::NotProven => None,
    }
}

/// The user gives password and e-mail code, then sets up an authenticator: tokens have level 1. Later
/// sign-ins ask for the authenticator.
#[tokio::test]
async fn a_user_without_a_counted_factor_sets_one_up_in_the_sign_in() {
    let (table, stage) = default_stage();
    let alex = user("alex");
    let mut sign_in = CustomSignIn::with_password("alex", &alex).without_phone();
    assert_eq!(sign_in.begin(&stage).await, DefineDecision::Challenge);
    assert_eq!((sign_in.public["step"].as_str(), sign_in.public["factors"].as_str()), ("begin", "email"));
    assert_eq!(sign_in.answer(&stage, "email").await, DefineDecision::Challenge);
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::Challenge);
    assert_eq!(
        stage.token(&alex, CUSTOM, None).await,
        TokenDecision::NotProven,
        "the e-mail code is not enough"
    );
    assert_eq!(sign_in.public["step"], "enrol");
    let secret = sign_in.public["secret"].clone();
    assert!(sign_in.public["uri"].starts_with("otpauth://totp/Example:alex%40example.com?secret="));
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let wrong = other_than(&totp(&stage, &seed, 0));
    assert_eq!(sign_in.answer(&stage, &wrong).await, DefineDecision::Challenge);
    assert_eq!((&sign_in.public["secret"], sign_in.public["attemptsLeft"].as_str()), (&secret, "4"));
    let right = totp(&stage, &seed, 0);
    assert_eq!(sign_in.answer(&stage, &right).await, DefineDecision::IssueTokens);
    let issued = evidence(&stage.token(&alex, CUSTOM, None).await).unwrap();
    assert_eq!(issued, Evidence::UNKNOWN, "a factor set up in a sign-in is no evidence for it");
    assert_eq!(table.audit().len(), 1);
    assert!(
        stage.queue.taken().iter().any(|message| matches!(message, OutboundMessage::Notification(_))),
        "the owner is told"
    );

    let mut next = CustomSignIn::with_password("alex", &alex);
    next.begin(&stage).await;
    assert_eq!(next.public["factors"], "totp");
    assert_eq!(next.answer(&stage, &right).await, DefineDecision::Challenge, "a code is good once");
    assert_eq!(next.answer(&stage, &totp(&stage, &seed, 1)).await, DefineDecision::IssueTokens);
    let issued = evidence(&stage.token(&alex, CUSTOM, None).await).unwrap();
    assert_eq!((issued.level, issued.second_factor_at), (2, Some(stage.clock.now())));
}

#[tokio::test]
async fn no_second_first_factor_is_set_up_and_a_closed_client_fails() {
    let (table, stage) = default_stage();
    let alex = user("alex");
    let begun = async |stage: &CustomAuthStage| {
        let mut sign_in = CustomSignIn::with_password("alex", &alex).without_phone();
        sign_in.begin(stage).await
    };
    assert_eq!(begun(&stage).await, DefineDecision::Challenge);
    change(&table, &alex, Change { had_factor: Some(true), ..Change::default() }).await;
    assert_eq!(begun(&stage).await, DefineDecision::Fail, "removed past us, say");
    change(&table, &alex, Change::reset()).await;
    assert_eq!(begun(&stage).await, DefineDecision::Challenge, "an administrator has reset the user");
    let closed =
        CustomAuthStage::with("[custom_auth.clients.custom]\nenrolment = 'closed'", &table, 1, BY_EMAIL);
    assert_eq!(begun(&closed).await, DefineDecision::Fail);
}

/// Of two sign-ins that set up a first factor at once, one succeeds. The other's secret proves nothing.
#[tokio::test]
async fn a_first_factor_is_set_up_once() {
    let (table, stage) = default_stage();
    let alex = user("alex");
    let at_secret = async || {
        let mut sign_in = CustomSignIn::with_password("alex", &alex).without_phone();
        sign_in.begin(&stage).await;
        sign_in.answer(&stage, "email").await;
        let code = stage.code().await.unwrap();
        sign_in.answer(&stage, &code).await;
        let seed = data_encoding::BASE32_NOPAD.decode(sign_in.public["secret"].as_bytes()).unwrap();
        (sign_in, seed)
    };
    let ((mut one, seed), (mut other, other_seed)) = (at_secret().await, at_secret().await);
    assert_ne!(seed, other_seed);
    assert_eq!(one.answer(&stage, &totp(&stage, &seed, 0)).await, DefineDecision::IssueTokens);
    assert_ne!(other.answer(&stage, &totp(&stage, &other_seed, 0)).await, DefineDecision::IssueTokens);
    assert_eq!(table.custom_factors(&alex).await.unwrap().confirmed().count(), 1);
}

#[tokio::test]
async fn name_only_totp_codes_are_compared_16_times_a_year() {
    let (table, stage) = stage(PASSWORDLESS);
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    let begun = async || {
        let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
        sign_in.begin(&stage).await;
        sign_in
    };
    let mut compared = 0;
    // The attacker makes three sign-ins an hour for 60 days. No guess is right.
    for _ in 0..60 * 24 {
        for _ in 0..3 {
            let sign_in = begun().await;
            let before =
                table.read(&StateKey::User(alex.clone())).await.unwrap().failure_counts.name_only_totp;
            sign_in.verify(&stage, &other_than(&totp(&stage, SEED, 0)), None).await;
            let after =
                table.read(&StateKey::User(alex.clone())).await.unwrap().failure_counts.name_only_totp;
            compared += u32::from(before != after);
        }
        stage.clock.advance(SignedDuration::from_hours(1));
    }
    println!("4,320 sign-ins by name: {compared} codes compared");
    assert_eq!(compared, NAME_ONLY_TOTP_ATTEMPTS);
    let sign_in = begun().await;
    assert!(!sign_in.verify(&stage, &totp(&stage, SEED, 0), None).await, "the right one neither");
    table.forgive_failures(&alex).await.unwrap();
    assert!(begun().await.verify(&stage, &totp(&stage, SEED, 0), None).await, "an administrator unlocks");
}

/// A thief with the password starts sign-ins without end. The owner answers at once and gets in.
#[tokio::test]
async fn holding_all_slots_keeps_no_owner_out() {
    let (table, stage) = stage("");
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    for _ in 0..30 {
        let mut thief = CustomSignIn::with_password("alex", &alex);
        thief.begin(&stage).await;
        assert_eq!(thief.answer(&stage, "totp").await, DefineDecision::Challenge);
    }
    let mut owner = CustomSignIn::with_password("alex", &alex);
    owner.begin(&stage).await;
    assert_eq!(owner.answer(&stage, &totp(&stage, SEED, 0)).await, DefineDecision::IssueTokens);
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
}

/// A password and a mailbox at a client that takes an e-mail code give no more guesses at the authenticator.
#[tokio::test]
async fn a_pass_at_a_weak_client_forgives_nothing_for_a_strong_one() {
    let table = Arc::new(InMemoryTable::default());
    let weak = "[custom_auth.clients.custom]\nrecovery_channel_counts = true\nkeep_weaker = true\n";
    let stage = CustomAuthStage::with(weak, &table, 1, BY_EMAIL);
    let alex = user("alex");
    add_authenticator(&table, &alex, "a", SEED, stage.clock.now()).await;
    for _ in 0..3 {
        let mut guess = CustomSignIn::with_password("alex", &alex);
        guess.begin(&stage).await;
        guess.answer(&stage, "000000").await;
        let mut grant = CustomSignIn::with_password("alex", &alex);
        grant.begin(&stage).await;
        grant.answer(&stage, "email").await;
        let code = stage.code().await.unwrap();
        assert_eq!(grant.answer(&stage, &code).await, DefineDecision::IssueTokens);
    }
    let kept = table.read(&StateKey::User(alex)).await.unwrap();
    assert_eq!(kept.failure_counts.failures.get(&CustomFactor::Totp), Some(&3));
}

/// Every digit of a drawn code is equally likely in every position.
#[test]
fn a_million_codes_are_unbiased() {
    let entropy = SeededEntropy::new(6238);
    let mut seen = [[0_u32; 10]; 6];
    for _ in 0..1_000_000 {
        let code = OneTimeCode::draw(&entropy, 6).unwrap();
        for (position, digit) in code.expose().bytes().enumerate() {
            seen[position][usize::from(digit - b'0')] += 1;
        }
    }
    for (position, digits) in seen.iter().enumerate() {
        let chi_square: f64 =
            digits.iter().map(|count| (f64::from(*count) - 100_000.0).powi(2) / 100_000.0).sum();
        println!(
            "position {position}: chi-square {chi_square:.2} (9 degrees of freedom, 99.9 % below 27.88)"
        );
        assert!(digits.iter().all(|count| *count > 0) && chi_square < 27.88, "{digits:?}");
    }
}
