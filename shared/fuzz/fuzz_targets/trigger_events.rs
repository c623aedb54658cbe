//! Any JSON as the event of every trigger that decides something. Nothing panics; what is answered is the
//! event with another `response`; and no event alone earns tokens or a right answer, because the table is
//! empty: nobody has proven anything.

#![no_main]

use std::sync::{Arc, LazyLock};

use futures::FutureExt as _;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shared::{
    config::{self, Policy},
    custom_auth::{Challenges, CustomAuthSettings, SignIns},
    delivery::GovernorSettings,
    kernel::{Clock, Entropy},
    sign_in::SignInSettings,
    sign_up::UniqueSettings,
    trigger::{
        CreateAuthChallenge, DefineAuthChallenge, PostAuthentication, PostConfirmation, PreAuthentication,
        PreSignUp, PreTokenGeneration, Trigger, VerifyAuthChallengeResponse, answer,
    },
};
use shared_testkit::{InMemoryCourier, InMemorySeeds, InMemoryTable, ManualClock, SeededEntropy};

mod gate;

/// The sample events' own client, here one that signs in by custom challenges.
const CLIENTS: &str = "custom=1example23456789exampleab";

static FOLDER: LazyLock<String> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join("cognito-mfa-fuzz");
    std::fs::create_dir_all(&folder).expect("a folder");
    let policy = "[sign_up.unique]\nemail = true\nphone_number = true\n[sign_in]\nenforce = true\n\
                  [custom_auth.clients.custom]\nfirst = 'passwordless'\n";
    std::fs::write(folder.join("policy.toml"), policy).expect("a policy");
    folder.to_str().expect("a name").to_owned()
});

fn lookup(name: &str) -> Option<String> {
    match name {
        "MFA_CONFIG_DIR" => Some(FOLDER.clone()),
        "MFA_HASH_KEY" => Some("k".repeat(64)),
        "MFA_APP_CLIENTS" => Some(CLIENTS.to_owned()),
        _ => None,
    }
}

fn judge(trigger: &impl Trigger, event: &Value) {
    let answered = answer(trigger, event.clone()).now_or_never().expect("the ports in here never wait");
    let Ok(mut answered) = answered else { return };
    for grant in ["issueTokens", "answerCorrect"] {
        let said = event.pointer(&format!("/response/{grant}"));
        let says = answered.pointer(&format!("/response/{grant}"));
        assert!(says != Some(&Value::Bool(true)) || said == says, "{grant} for {event}");
    }
    let mut given = event.clone();
    for side in [&mut given, &mut answered] {
        side.as_object_mut().map(|members| members.remove("response"));
    }
    assert_eq!(given, answered);
}

fuzz_target!(|text: &str| {
    let Ok(event) = serde_json::from_str::<Value>(text) else { return };
    let table = Arc::new(InMemoryTable::default());
    let now = jiff::Timestamp::from_second(1_767_323_045).expect("a time");
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let courier = Arc::new(InMemoryCourier::default());
    let governor =
        || config::load(&lookup, GovernorSettings::read).expect("settings").governor(table.clone());
    let unique = || {
        let settings = config::load(&lookup, UniqueSettings::read).expect("settings").expect("on");
        Some(settings.addresses(table.clone()))
    };
    let policy = Policy::default();
    judge(&PreSignUp::new(policy.sign_up.clone(), None, unique(), clock.clone()), &event);
    let guard = config::load(&lookup, SignInSettings::read).expect("settings").guard(table.clone());
    judge(&PreAuthentication::new(guard, None, clock.clone()), &event);
    let confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );
    judge(&confirmation.welcoming(Some(courier.clone())), &event);
    let authentication = PostAuthentication::new(
        table.clone(),
        governor(),
        table.clone(),
        Some(courier.clone()),
        clock.clone(),
        entropy.clone(),
    );
    judge(&authentication, &event);

    let settings = config::load(&lookup, CustomAuthSettings::read).expect("settings");
    let challenges: Arc<dyn Challenges> = table;
    let sign_ins = || SignIns::new(settings.clone(), challenges.clone(), clock.clone());
    judge(&DefineAuthChallenge::new(sign_ins()), &event);
    judge(&CreateAuthChallenge::new(gate::creator(sign_ins(), courier, entropy)), &event);
    judge(&VerifyAuthChallengeResponse::new(gate::verifier(sign_ins(), Arc::new(InMemorySeeds))), &event);
    let last = gate::last_gate(settings.clone(), challenges.clone(), clock.clone());
    judge(&PreTokenGeneration::new(last, policy.tokens), &event);
});
