//! Events of the pool's triggers, one JSON line each, in turn on the same table. The event's source selects
//! the trigger. An unknown source goes to all of them.
//!
//! `"$METADATA"`, `"$PRIVATE"` and `"$NONCE"` are the values that Cognito carries from one step of a sign-in
//! to the next, from the last challenge. `"$METADATA0"` to `"$METADATA2"` are from the first three
//! challenges. `"$CODE"` is the code that was sent last, `"$RECOVERY"` a recovery code of the user's.

use std::{
    fs,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use futures::executor::block_on;
use jiff::Timestamp;
use mfa_core::{
    config::{self, Environment, Policy},
    custom_auth::{
        AnswerVerifier, ChallengeCreator, CustomAuthSettings, DrawnCodes, SignInEnrolment, SignIns,
        port::NativeEnrolment, token_gate::TokenGate,
    },
    delivery::{ChallengeCodes as _, OutboundMessage, message::Messages, toll_fraud::GovernorSettings},
    factors::{
        custom::{
            Authenticator, Change, CustomFactorStore as _, FactorId, RecoveryCode, Seeds as _, TotpSeed,
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::{HashKey, PortError, Refusal, UserId},
    sign_in::SignInSettings,
    sign_up::UniqueSettings,
    trigger::{
        CreateAuthChallenge, CustomMessage, DefineAuthChallenge, PostAuthentication, PostConfirmation,
        PreAuthentication, PreSignUp, PreTokenGeneration, SignInRecorder, Trigger,
        VerifyAuthChallengeResponse, answer,
    },
};
use mfa_testkit::{InMemoryMessageQueue, InMemorySeeds, InMemoryTable, ManualClock, SeededEntropy};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The user of the sample events, and their client, which signs in by custom challenges here.
const USER: &str = "a1b2c3d4-5678-40ab-9cde-f0123456789a";
const CUSTOM: &str = "1example23456789exampleab";
const NATIVE: &str = "2example23456789exampleab";
/// A whole sign-in has fewer steps.
const MOST: usize = 24;

const POLICY: &str = "[sign_up]\nwelcome = true\n[sign_up.unique]\nemail = true\nphone_number = true\n\
                      [sign_in]\nenforce = true\nnew_device_notice = true\n\
                      [custom_auth.clients.custom]\nfirst_step = 'passwordless'\n\
                      [custom_auth.clients.custom.groups.admins]\nfactors = 2\n\
                      [tokens.clients.native.id]\nattributes = { tenant = 'custom:tenant' }\n";

struct Settings {
    runtime: Runtime,
    policy: Policy,
    governor: GovernorSettings,
    unique: UniqueSettings,
    sign_in: SignInSettings,
    custom_auth: CustomAuthSettings,
}

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("policy.toml"), POLICY).expect("a policy");
    let lookup = |name: &str| match name {
        "MFA_CONFIG_DIR" => folder.path().to_str().map(str::to_owned),
        "MFA_HASH_KEY" => Some("k".repeat(64)),
        "MFA_APP_CLIENTS" => Some(format!("custom={CUSTOM},native={NATIVE}")),
        _ => None,
    };
    let read = |environment: &mut Environment<'_>| {
        let unique = UniqueSettings::read(environment);
        (
            (GovernorSettings::read(environment), unique, SignInSettings::read(environment)),
            (CustomAuthSettings::read(environment), environment.policy()),
        )
    };
    let ((governor, unique, sign_in), (custom_auth, policy)) = config::load(&lookup, read).expect("settings");
    let unique = unique.expect("is on");
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    Settings { runtime, policy, governor, unique, sign_in, custom_auth }
});

/// No user has a pool factor.
#[derive(Debug)]
struct NoNatives;

#[async_trait]
impl NativeEnrolment for NoNatives {
    async fn has_native_factor(&self, _: &str) -> Result<bool, PortError> {
        Ok(false)
    }
}

/// A user's pool and table, with every trigger on them.
struct Stage {
    pre_sign_up: PreSignUp,
    pre_authentication: PreAuthentication,
    post_confirmation: PostConfirmation,
    post_authentication: PostAuthentication,
    custom_message: CustomMessage,
    define: DefineAuthChallenge,
    create: CreateAuthChallenge,
    verify: VerifyAuthChallengeResponse,
    last_gate: PreTokenGeneration,
    queue: Arc<InMemoryMessageQueue>,
    codes: DrawnCodes,
    /// The number of opened messages.
    opened: usize,
    code: String,
    recovery: String,
    /// `response` of the last challenge.
    challenge: Value,
    /// Metadata of all challenges, the oldest first.
    made: Vec<Value>,
    has_proven: bool,
    /// Whether Define and the token gate let the sign-in pass.
    is_issued: bool,
    is_admitted: bool,
}

fn key() -> HashKey {
    HashKey::new("k".repeat(64).as_bytes())
}

fn stage() -> Stage {
    let settings = &*SETTINGS;
    let table = Arc::new(InMemoryTable::default());
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).expect("a time")));
    let entropy = Arc::new(SeededEntropy::new(1));
    let queue = Arc::new(InMemoryMessageQueue::default());
    let user = UserId::parse(USER).expect("a user");
    let recovery = RecoveryCode::generate(entropy.as_ref()).expect("a code");
    let seed = TotpSeed::generate(entropy.as_ref()).expect("a seed");
    let authenticator = Authenticator {
        name: FriendlyDeviceName::parse("Phone").expect("a name"),
        seed: block_on(InMemorySeeds.seal(&user, &seed)).expect("sealed"),
        created_at: Timestamp::UNIX_EPOCH,
        is_confirmed: true,
    };
    let change = Change {
        recovery: Some([recovery.hash(&key(), &user)].into()),
        authenticators: Some([(FactorId::new(entropy.as_ref()).expect("an id"), authenticator)].into()),
        ..Change::default()
    };
    block_on(table.change(&user, 0, &change)).expect("changed");

    let governor = || settings.governor.clone().governor(table.clone());
    let unique = || Some(settings.unique.clone().addresses(table.clone()));
    let sign_ins = || SignIns::new(settings.custom_auth.clone(), table.clone(), clock.clone());
    let guard = settings.sign_in.clone().guard(table.clone());
    let confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );
    let natives = Arc::new(NoNatives);
    let gate =
        TokenGate::new(settings.custom_auth.clone(), table.clone(), table.clone(), natives, clock.clone());
    let enrolments = SignInEnrolment::new(table.clone(), queue.clone());
    let verifier = AnswerVerifier::new(sign_ins(), Arc::new(InMemorySeeds), key(), enrolments);
    let recorder = SignInRecorder::new(Vec::new(), table.clone(), clock.clone());
    Stage {
        pre_sign_up: PreSignUp::new(settings.policy.sign_up.clone(), None, unique(), clock.clone()),
        pre_authentication: PreAuthentication::new(guard, None, clock.clone()),
        post_confirmation: confirmation.with_welcome(Some(queue.clone())),
        post_authentication: PostAuthentication::new(
            table.clone(),
            governor(),
            table.clone(),
            Some(queue.clone()),
            clock.clone(),
            entropy.clone(),
        ),
        custom_message: CustomMessage::new(Messages::new(settings.policy.messages.clone(), None)),
        define: DefineAuthChallenge::new(sign_ins()),
        codes: DrawnCodes::new(
            table.clone(),
            entropy.clone(),
            key(),
            settings.custom_auth.policy.code_digits,
        ),
        opened: 0,
        code: String::new(),
        create: CreateAuthChallenge::new(ChallengeCreator::new(
            sign_ins(),
            queue.clone(),
            entropy,
            key(),
            "Example",
        )),
        queue,
        verify: VerifyAuthChallengeResponse::new(verifier),
        last_gate: PreTokenGeneration::new(gate, settings.policy.tokens.clone(), recorder),
        recovery: recovery.readable().to_string(),
        challenge: Value::Null,
        made: Vec::new(),
        has_proven: false,
        is_issued: false,
        is_admitted: false,
    }
}

/// Checks that no event panics. An event is returned with only its `response` changed, or refused in words of
/// the catalogue. No sign-in advances, and no tokens are issued, without a factor that was proven in a custom
/// challenge.
pub fn sequence(bytes: &[u8]) {
    if let Some(text) = super::utf8(bytes) {
        run(text);
    }
}

fn run(text: &str) -> Stage {
    let mut stage = stage();
    for line in text.split('\n').take(MOST) {
        if let Ok(event) = serde_json::from_str::<Value>(line) {
            let event = stage.carried(event);
            stage.take(&event);
        }
    }
    stage
}

impl Stage {
    /// Returns the metadata of the challenge with this number.
    fn metadata(&self, number: usize) -> Value {
        self.made.get(number).cloned().unwrap_or_default()
    }

    /// Fills in the values that Cognito carries in its session.
    fn carried(&self, value: Value) -> Value {
        let of_challenge = |pointer: &str| self.challenge.pointer(pointer).cloned().unwrap_or_default();
        match value {
            Value::String(text) => match text.as_str() {
                "$METADATA" => of_challenge("/challengeMetadata"),
                "$METADATA0" => self.metadata(0),
                "$METADATA1" => self.metadata(1),
                "$METADATA2" => self.metadata(2),
                "$PRIVATE" => of_challenge("/privateChallengeParameters"),
                "$NONCE" => of_challenge("/publicChallengeParameters/nonce"),
                "$CODE" => self.code.as_str().into(),
                "$RECOVERY" => self.recovery.as_str().into(),
                _ => text.into(),
            },
            Value::Array(items) => items.into_iter().map(|item| self.carried(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, self.carried(value))).collect()
            }
            other => other,
        }
    }

    fn take(&mut self, event: &Value) {
        let source = event["triggerSource"].as_str().unwrap_or_default();
        let is = |prefix: &str| source.starts_with(prefix);
        let known = [
            "PreSignUp_",
            "PreAuthentication_",
            "PostConfirmation_",
            "PostAuthentication_",
            "CustomMessage_",
            "DefineAuthChallenge_",
            "CreateAuthChallenge_",
            "VerifyAuthChallengeResponse_",
            "TokenGeneration_",
        ];
        let is_known = known.iter().any(|known| is(known));
        let takes = |prefix: &str| is(prefix) || !is_known;
        if takes("PreSignUp_") {
            ask(&self.pre_sign_up, event);
        }
        if takes("PreAuthentication_") {
            ask(&self.pre_authentication, event);
        }
        if takes("PostConfirmation_") {
            ask(&self.post_confirmation, event);
        }
        if takes("PostAuthentication_") {
            ask(&self.post_authentication, event);
        }
        if takes("CustomMessage_") {
            let answered = ask(&self.custom_message, event);
            Self::judge_message(event, answered.as_ref());
        }
        if takes("DefineAuthChallenge_") {
            let answered = ask(&self.define, event);
            self.judge_define(event, answered.as_ref());
        }
        if takes("CreateAuthChallenge_")
            && let Some(answered) = ask(&self.create, event)
            && answered["response"]["challengeMetadata"].is_string()
        {
            self.challenge = answered["response"].clone();
            self.made.push(self.challenge["challengeMetadata"].clone());
        }
        self.open_messages();
        if takes("VerifyAuthChallengeResponse_") {
            let answered = ask(&self.verify, event);
            self.judge_verify(event, answered.as_ref());
        }
        if takes("TokenGeneration_") {
            let answered = ask(&self.last_gate, event);
            self.judge_gate(event, answered.is_some());
        }
    }

    /// Opens messages as `deliver` does: a code is drawn as it is sent.
    fn open_messages(&mut self) {
        let messages = self.queue.taken();
        for message in messages.iter().skip(self.opened) {
            if let OutboundMessage::ChallengeCode(message) = message
                && let Some(code) = block_on(self.codes.draw(message)).expect("drawn")
            {
                code.expose().clone_into(&mut self.code);
            }
        }
        self.opened = messages.len();
    }

    /// Checks that each of our texts has the place where Cognito inserts its code.
    fn judge_message(event: &Value, answered: Option<&Value>) {
        let Some(answered) = answered else {
            assert!(!event.is_object(), "a message was refused: {event}");
            return;
        };
        if event.pointer("/request/codeParameter") == Some(&json!("{####}")) {
            for member in ["smsMessage", "emailMessage"] {
                let text = &answered["response"][member];
                // A text too long for Cognito is left to the pool's own words, unchanged from the event.
                let is_ours = *text != event["response"][member];
                let has_place = text.as_str().is_some_and(|text| text.contains("{####}"));
                assert!(!is_ours || has_place, "a text without the code: {text}");
            }
        }
    }

    fn judge_define(&mut self, event: &Value, answered: Option<&Value>) {
        let Some(answered) = answered else { return };
        let response = &answered["response"];
        let is_issued = response["issueTokens"] == true;
        self.is_issued |= is_issued;
        assert!(!is_issued || self.has_proven, "tokens for nothing that was proven: {event}");
        let said = [is_issued, response["failAuthentication"] == true, !response["challengeName"].is_null()];
        assert_eq!(said.into_iter().filter(|said| *said).count(), 1, "{answered} for {event}");
    }

    fn judge_verify(&mut self, event: &Value, answered: Option<&Value>) {
        let Some(answered) = answered else { return };
        if answered["response"]["answerCorrect"] != true {
            return;
        }
        let said = event.pointer("/request/challengeAnswer").and_then(Value::as_str).unwrap_or_default();
        // Six digits may be guessed, which the limits are for. No other answer can be guessed.
        let digits = said.chars().filter(|character| !character.is_whitespace() && *character != '-');
        let is_guess = digits.clone().count() == 6 && digits.clone().all(|digit| digit.is_ascii_digit());
        let plain =
            |text: &str| text.to_uppercase().replace(|character: char| !character.is_alphanumeric(), "");
        assert!(is_guess || plain(said) == plain(&self.recovery), "a wrong answer was right: {event}");
        let user = event.pointer("/request/userAttributes/sub").and_then(Value::as_str);
        assert_eq!(user, Some(USER), "right for somebody who has no factor: {event}");
        self.has_proven = true;
    }

    fn judge_gate(&mut self, event: &Value, is_open: bool) {
        let client = event.pointer("/callerContext/clientId").and_then(Value::as_str).unwrap_or_default();
        let user = event.pointer("/request/userAttributes/sub").and_then(Value::as_str).unwrap_or_default();
        self.is_admitted |= is_open;
        let is_known = [CUSTOM, NATIVE].contains(&client);
        assert!(!is_open || is_known, "tokens for an unknown client: {event}");
        match event["triggerSource"].as_str().unwrap_or_default() {
            // A session keeps the proofs from its beginning.
            "TokenGeneration_RefreshTokens" => {}
            "TokenGeneration_ClientCredentials" => {
                assert!(!is_open || client == NATIVE, "tokens of a client for itself: {event}");
            }
            _ => {
                let needs_proof = client == CUSTOM || user == USER;
                assert!(
                    !is_open || !needs_proof || (client == CUSTOM && user == USER && self.has_proven),
                    "tokens for nothing that was proven: {event}"
                );
            }
        }
    }
}

/// Returns the event as it comes back, or `None` if it was refused.
fn ask(trigger: &impl Trigger, event: &Value) -> Option<Value> {
    let answered = SETTINGS.runtime.block_on(answer(trigger, event.clone()));
    let mut answered = match answered {
        Ok(answered) => answered,
        Err(refusal) => {
            // No port fails here, so only a fault of our own code could give this refusal.
            assert!(refusal != Refusal::TemporarilyUnavailable || !event.is_object(), "a fault: {event}");
            return None;
        }
    };
    let whole = answered.clone();
    let mut given = event.clone();
    for side in [&mut given, &mut answered] {
        side.as_object_mut().map(|members| members.remove("response"));
    }
    assert_eq!(given, answered, "something but `response` changed");
    if let (Some(before), Some(after)) = (event["response"].as_object(), whole["response"].as_object()) {
        let kept = before.keys().all(|name| after.contains_key(name));
        assert!(kept, "a member of `response` is gone: {event}");
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::run;

    /// The initial inputs of every run contain whole sign-ins, so that the search need not find them.
    #[test]
    fn saved_sequences_reach_tokens() {
        for text in [
            include_str!("../../corpus/trigger_events/recovery-code-at-once"),
            include_str!("../../corpus/trigger_events/recovery-code-after-password"),
            include_str!("../../corpus/trigger_events/mailed-code"),
        ] {
            let stage = run(text);
            assert!(stage.has_proven && stage.is_issued && stage.is_admitted, "{text}");
        }
        let wrong = include_str!("../../corpus/trigger_events/authenticator-wrong");
        let stage = run(wrong);
        assert!(!stage.has_proven && !stage.is_issued && !stage.is_admitted);
    }
}
