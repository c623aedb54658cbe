//! The claims of tokens. Every sample event of the trigger goes through an operator's policy. The tokens of a
//! sign-in and its refreshes state what was proven.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed expectation is a failed test"
)]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use mfa_core::{
    assurance::{PasswordRecovery, RecordedSignIn, SignInRecords},
    config::Policy,
    custom_auth::{
        AppClients, CustomAuthSettings, DefineDecision,
        port::NativeEnrolment,
        token_gate::{TokenDecision, TokenGate},
    },
    factors::custom::{CustomFactorStore, PoolFactorNote},
    kernel::{Clock as _, PortError, Refusal, UserId},
    trigger::{PreTokenGeneration, SignInRecorder, answer},
};
use mfa_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, InMemoryTable, ManualClock, NATIVE};
use serde_json::{Value, json};

/// The client of the sample events.
const SAMPLE: &str = "1example23456789exampleab";
const POLICY: &str = r#"
    [custom_auth.clients.custom]
    first_step = "passwordless"
    [tokens.clients.native.id]
    add = { tier = "gold", limits = { seats = 3 } }
    attributes = { name = "given_name", tenant = "custom:tenant" }
    suppress = ["phone_number"]
    [tokens.clients.native.access]
    attributes = { name = "given_name" }
    add_scopes = ["orders/read"]
"#;

/// Every user has a pool factor, except `plain`. For `down` the lookup fails.
#[derive(Debug)]
struct Natives;

#[async_trait::async_trait]
impl NativeEnrolment for Natives {
    async fn has_native_factor(&self, name: &str) -> Result<bool, PortError> {
        if name == "down" { Err(PortError::new("pool", "down")) } else { Ok(name != "plain") }
    }
}

fn trigger(
    policy: &str,
    clients: &str,
    table: &Arc<InMemoryTable>,
    clock: Arc<ManualClock>,
) -> PreTokenGeneration {
    let Policy { custom_auth, tokens, admin, .. } = Policy::read(Some(policy)).unwrap();
    let clients = AppClients::parse(clients, &custom_auth).unwrap();
    let recovery = PasswordRecovery { email: true, sms: false };
    let settings = CustomAuthSettings { policy: custom_auth, clients, recovery, relying_party: None };
    let gate = TokenGate::new(settings, table.clone(), table.clone(), Arc::new(Natives), clock.clone());
    PreTokenGeneration::new(gate, tokens, SignInRecorder::new(admin.groups, table.clone(), clock))
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(jiff::Timestamp::from_second(1_767_323_045).unwrap()))
}

fn event(version: &str, source: &str, client: &str) -> Value {
    json!({
        "version": version, "triggerSource": source, "userName": "alex", "callerContext": { "clientId": client },
        "request": {
            "userAttributes": { "sub": "alex" },
            "groupConfiguration": { "groupsToOverride": ["admins"], "iamRolesToOverride": [], "preferredRole": null },
        },
        "response": {},
    })
}

#[tokio::test]
async fn the_policys_claims_are_in_the_answer_to_every_sample_event() {
    let table = Arc::new(InMemoryTable::default());
    let trigger = trigger(POLICY, &format!("native={SAMPLE}"), &table, clock());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut answers = BTreeMap::new();
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("TokenGeneration_") {
            let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let answered = answer(&trigger, event.clone()).await.unwrap();
            assert_eq!(answered["request"], event["request"]);
            answers.insert(name, answered["response"].clone());
        }
    }
    assert_eq!(answers.len(), 9);
    insta::assert_json_snapshot!(answers);
}

#[tokio::test]
async fn evidence_is_in_first_tokens_and_not_in_refreshed_ones() {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::new(POLICY, &table);
    let trigger = trigger(POLICY, &format!("custom={CUSTOM},other=other"), &table, stage.clock.clone());
    let claim = |answered: &Value, token: &str, claim: &str| {
        let details = &answered["response"]["claimsAndScopeOverrideDetails"];
        let groups = &details["groupOverrideDetails"];
        assert!(details.is_null() || groups["groupsToOverride"] == json!(["admins"]), "{answered}");
        details[token]["claimsToAddOrOverride"][claim].clone()
    };
    let refresh = || event("2", "TokenGeneration_RefreshTokens", CUSTOM);
    let alex = UserId::parse("alex").unwrap();
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "sms").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    table.sign_in_calls();
    let issued = answer(&trigger, event("2", "TokenGeneration_Authentication", CUSTOM)).await.unwrap();
    assert_eq!(table.sign_in_calls(), 1);
    for token in ["idTokenGeneration", "accessTokenGeneration"] {
        assert_eq!(claim(&issued, token, "mfa_methods"), json!(["sms"]));
    }
    assert_eq!(claim(&issued, "accessTokenGeneration", "mfa_level"), "1");
    assert_eq!(claim(&issued, "accessTokenGeneration", "mfa_at"), json!(null), "one code is one proof");
    assert_eq!(claim(&issued, "idTokenGeneration", "mfa_level"), json!(null), "APIs take access tokens");

    let refreshed = answer(&trigger, refresh()).await.unwrap();
    assert_eq!(
        (refreshed.clone(), table.sign_in_calls()),
        (refresh(), 0),
        "no event says which sign-in it was"
    );
    table.fail();
    assert_eq!(answer(&trigger, refresh()).await.unwrap(), refresh(), "a session outlives the table");
}

#[tokio::test]
async fn refreshed_tokens_lose_the_scope_for_factor_changes() {
    let table = Arc::new(InMemoryTable::default());
    let policy = "[tokens]\nfresh_factor_changes = true\n";
    let trigger = trigger(policy, "native=native-id", &table, clock());
    let answered = answer(&trigger, event("3", "TokenGeneration_RefreshTokens", "native-id")).await.unwrap();
    let details = &answered["response"]["claimsAndScopeOverrideDetails"];
    let suppressed = &details["accessTokenGeneration"]["scopesToSuppress"];
    assert_eq!(*suppressed, json!(["aws.cognito.signin.user.admin"]));
    assert_eq!(details["groupOverrideDetails"]["groupsToOverride"], json!(["admins"]));
    let given = event("3", "TokenGeneration_Authentication", "native-id");
    let answered = answer(&trigger, given).await.unwrap();
    let details = &answered["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"];
    assert_eq!(*details, json!({ "claimsToAddOrOverride": { "mfa_level": "1" } }), "a sign-in keeps it");
    let impossible = answer(&trigger, event("1", "TokenGeneration_RefreshTokens", "native-id")).await;
    assert_eq!(impossible, Err(Refusal::TemporarilyUnavailable));
}

/// Records a sign-in with the trigger source `source` at a native client. The user's pool factor is `known`
/// or not.
async fn recorded(
    (version, source): (&str, &str),
    (user_name, is_known): (&str, bool),
    more: Value,
    policy: &str,
) -> Result<Vec<RecordedSignIn>, Refusal> {
    let (table, clock) = (Arc::new(InMemoryTable::default()), clock());
    let (alex, now) = (UserId::parse("alex").unwrap(), clock.now());
    if is_known {
        table.note_pool_factor(&alex, PoolFactorNote::On(now)).await.unwrap();
    }
    let trigger = trigger(&format!("{POLICY}{policy}"), "native=native", &table, clock);
    let mut event = event(version, source, "native");
    event["userName"] = json!(user_name);
    event["request"]["userAttributes"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer(&trigger, event).await?;
    Ok(table.recorded(&alex, now, now).await.unwrap())
}

const SIGN_IN: &str = "TokenGeneration_Authentication";
const ADMINS: &str = "\n[admin]\ngroups = ['admins']";

/// Tokens of version `V1_0` can't state what a sign-in proved, nor can refreshed tokens of administrators.
#[tokio::test]
async fn sign_ins_are_recorded_if_tokens_cannot_carry_evidence() {
    let count = async |version, source, policy| {
        recorded((version, source), ("alex", true), json!({}), policy).await.unwrap().len()
    };
    assert_eq!(count("1", SIGN_IN, "").await, 1);
    assert_eq!(count("2", SIGN_IN, "").await, 0, "the access token says it");
    assert_eq!(count("2", SIGN_IN, ADMINS).await, 1);
    assert_eq!(count("2", SIGN_IN, "\n[admin]\ngroups = ['others']").await, 0);
    assert_eq!(count("1", "TokenGeneration_RefreshTokens", ADMINS).await, 0, "a refresh is no sign-in");
}

#[tokio::test]
async fn a_pool_factor_counts_if_it_was_on_before_the_sign_in() {
    let level = async |source: &str, user: (&str, bool), more: Value| {
        let recorded = recorded(("1", source), user, more, ADMINS).await.unwrap();
        let evidence = recorded.first().unwrap().evidence;
        (evidence.level, evidence.second_factor_at.is_some())
    };
    let nothing = || json!({});
    assert_eq!(level(SIGN_IN, ("alex", true), nothing()).await, (2, true));
    // The factor was set up in this very sign-in, which a pool that requires MFA permits to a user without
    // one.
    assert_eq!(level(SIGN_IN, ("alex", false), nothing()).await, (1, false));
    assert_eq!(level(SIGN_IN, ("plain", true), nothing()).await, (1, false), "it is off now");
    for (source, more, expected) in [
        ("TokenGeneration_NewPasswordChallenge", nothing(), (2, true)),
        ("TokenGeneration_HostedAuth", nothing(), (2, true)),
        // The user is linked with another provider, which this sign-in may have used.
        ("TokenGeneration_HostedAuth", json!({ "identities": "[]" }), (1, false)),
        // A remembered device replaces the factor: the user entered no code.
        ("TokenGeneration_AuthenticateDevice", nothing(), (2, false)),
        ("TokenGeneration_Future", nothing(), (1, false)),
    ] {
        assert_eq!(level(source, ("alex", true), more).await, expected, "{source}");
    }
    let unseen = recorded(("2", SIGN_IN), ("down", true), nothing(), "").await;
    assert_eq!(unseen, Err(Refusal::TemporarilyUnavailable), "the pool can't be asked: no tokens");
}

/// Checks the token gate of native clients: a covered user gets no tokens for the password alone, whatever
/// factor they use at the custom client.
#[tokio::test]
async fn a_covered_user_needs_a_known_factor_at_native_clients() {
    let table = Arc::new(InMemoryTable::default());
    let stage = CustomAuthStage::new(POLICY, &table);
    let alex = UserId::parse("alex").unwrap();
    assert!(stage.token(&alex, NATIVE, None).await.is_granted(), "nobody covers a new user");
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "email").await;
    let code = stage.code().await.unwrap();
    sign_in.answer(&stage, &code).await;
    assert!(stage.token(&alex, CUSTOM, None).await.is_granted());
    assert_eq!(
        stage.token(&alex, NATIVE, None).await,
        TokenDecision::NotProven,
        "an e-mail code is enough to be covered"
    );
    // The factor is on, but not before this sign-in: by `MFA_SETUP` in a pool that requires MFA, or by
    // Cognito's own API.
    stage.natives.set(true);
    for _ in 0..2 {
        assert_eq!(stage.token(&alex, NATIVE, None).await, TokenDecision::NotProven);
    }
    // The factor was turned on through the MFA API, with a proof.
    table.note_pool_factor(&alex, PoolFactorNote::On(stage.clock.now())).await.unwrap();
    assert!(stage.token(&alex, NATIVE, None).await.is_granted());
    stage.natives.set(false);
    assert_eq!(stage.token(&alex, NATIVE, None).await, TokenDecision::NotProven, "turned off past us");
}
