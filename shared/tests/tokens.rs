//! What tokens say: every sample event of the trigger through an operator's policy, and what was proven by
//! a sign-in and its refreshes.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Value, json};
use shared::{
    admin::{AdministratorSignIns, SecondFactor, Witness},
    config::Policy,
    custom_auth::{AppClients, Challenges, CustomAuthSettings, Defined, LastGate, NativeEnrolment},
    factors::own::LastProof,
    kernel::{Clock as _, OwnFactor, PortError, Refusal, UserId},
    trigger::{PreTokenGeneration, answer},
};
use shared_testkit::{CUSTOM, CustomAuthStage, CustomSignIn, InMemoryTable, ManualClock};

/// The client of the sample events.
const SAMPLE: &str = "1example23456789exampleab";
const POLICY: &str = r#"
    [custom_auth.clients.custom]
    first = "passwordless"
    [tokens.clients.native.id]
    add = { tier = "gold", limits = { seats = 3 } }
    attributes = { name = "given_name", tenant = "custom:tenant" }
    suppress = ["phone_number"]
    [tokens.clients.native.access]
    attributes = { name = "given_name" }
    add_scopes = ["orders/read"]
"#;

struct NoNatives;

/// Has a factor of Cognito's on, unless the name is `plain`; `down` can't be asked about.
struct Natives;

#[async_trait::async_trait]
impl NativeEnrolment for NoNatives {
    async fn has_native_factor(&self, _: &str) -> Result<bool, PortError> {
        Ok(false)
    }
}

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
    let Policy { custom_auth, tokens, .. } = Policy::read(Some(policy)).unwrap();
    let clients = AppClients::parse(clients, &custom_auth).unwrap();
    let settings = CustomAuthSettings { policy: custom_auth, clients };
    let challenges: Arc<dyn Challenges> = table.clone();
    PreTokenGeneration::new(LastGate::new(settings, challenges, Arc::new(NoNatives), clock), tokens)
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("events");
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
async fn what_a_sign_in_proved_is_in_its_tokens_and_in_those_refreshed_from_it() {
    let table = Arc::new(InMemoryTable::default());
    let challenges: Arc<dyn Challenges> = table.clone();
    let stage = CustomAuthStage::new(POLICY, &challenges);
    let trigger = trigger(POLICY, &format!("custom={CUSTOM},other=other"), &table, stage.clock.clone());
    let methods = |answered: &Value| {
        let details = &answered["response"]["claimsAndScopeOverrideDetails"];
        let groups = &details["groupOverrideDetails"];
        assert!(details.is_null() || groups["groupsToOverride"] == json!(["admins"]), "{answered}");
        let of = |token: &str| details[token]["claimsToAddOrOverride"]["mfa_methods"].clone();
        assert_eq!(of("idTokenGeneration"), of("accessTokenGeneration"));
        of("idTokenGeneration")
    };
    let refresh = |client: &str| event("2", "TokenGeneration_RefreshTokens", client);

    assert_eq!(methods(&answer(&trigger, refresh(CUSTOM)).await.unwrap()), json!(null), "before any sign-in");
    let alex = UserId::parse("alex").unwrap();
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "sms").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, Defined::IssueTokens);
    table.sign_in_calls();
    let issued = answer(&trigger, event("2", "TokenGeneration_Authentication", CUSTOM)).await.unwrap();
    assert_eq!((methods(&issued), table.sign_in_calls()), (json!(["sms"]), 1));

    table.sign_in_calls();
    let refreshed = answer(&trigger, refresh(CUSTOM)).await.unwrap();
    assert_eq!((methods(&refreshed), table.sign_in_calls()), (json!(["sms"]), 1));
    let of_version_1 = answer(&trigger, event("1", "TokenGeneration_RefreshTokens", CUSTOM)).await.unwrap();
    let claims = &of_version_1["response"]["claimsOverrideDetails"]["claimsToAddOrOverride"];
    assert_eq!(claims["mfa_methods"], r#"["sms"]"#, "version 1 has texts only");

    table.sign_in_calls();
    let other = answer(&trigger, refresh("other")).await.unwrap();
    assert_eq!((methods(&other), table.sign_in_calls()), (json!(null), 0), "a client where we prove nothing");
    let proof = LastProof {
        at: stage.clock.now(),
        factors: [OwnFactor::Totp].into(),
        native: [OwnFactor::SmsCode].into(),
        client: "elsewhere".into(),
    };
    table.note_proof(&alex, proof.clone());
    assert_eq!(methods(&answer(&trigger, refresh(CUSTOM)).await.unwrap()), json!(null), "at another client");
    table.note_proof(&alex, LastProof { client: CUSTOM.into(), ..proof });
    assert_eq!(methods(&answer(&trigger, refresh(CUSTOM)).await.unwrap()), json!(["sms", "totp"]));

    table.fail();
    let refreshed = answer(&trigger, refresh(CUSTOM)).await.unwrap();
    assert_eq!(methods(&refreshed), json!(null), "a session does not end because the table is down");
}

#[tokio::test]
async fn refreshed_tokens_lose_the_scope_that_changes_factors_or_are_not_issued() {
    let table = Arc::new(InMemoryTable::default());
    let policy = "[tokens]\nfresh_factor_changes = true\n";
    let trigger = trigger(policy, "native=native-id", &table, clock());
    let answered = answer(&trigger, event("3", "TokenGeneration_RefreshTokens", "native-id")).await.unwrap();
    let details = &answered["response"]["claimsAndScopeOverrideDetails"];
    let suppressed = &details["accessTokenGeneration"]["scopesToSuppress"];
    assert_eq!(*suppressed, json!(["aws.cognito.signin.user.admin"]));
    assert_eq!(details["groupOverrideDetails"]["groupsToOverride"], json!(["admins"]));
    let given = event("3", "TokenGeneration_Authentication", "native-id");
    assert_eq!(answer(&trigger, given.clone()).await.unwrap(), given, "a sign-in keeps it");
    let impossible = answer(&trigger, event("1", "TokenGeneration_RefreshTokens", "native-id")).await;
    assert_eq!(impossible, Err(Refusal::TemporarilyUnavailable));
}

/// An administrator's sign-in is noted with whether a second factor was asked for in it; nobody else's is,
/// and no refresh.
#[tokio::test]
async fn sign_ins_of_administrators_are_noted_by_what_was_asked_of_them() {
    const SIGN_IN: &str = "TokenGeneration_Authentication";
    let policy = "[admin]\ngroups = ['admins']";
    let noted = async |source: &str, user: &str, more: Value, policy: &str| {
        let (table, clock) = (Arc::new(InMemoryTable::default()), clock());
        let trigger = trigger(POLICY, "native=native", &table, clock.clone());
        let policy = Policy::read(Some(policy)).unwrap().admin;
        let witness = Witness::new(&policy, Arc::new(Natives), table.clone(), clock.clone());
        let mut event = event("1", source, "native");
        event["userName"] = json!(user);
        event["request"]["userAttributes"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(&trigger.seen_by(witness), event).await?;
        let (alex, now) = (UserId::parse("alex").unwrap(), clock.now());
        let noted = table.noted(&alex, now, now).await.unwrap();
        Ok::<_, Refusal>(noted.first().map(|noted| noted.second_factor))
    };
    let (asked, not_asked) = (Some(SecondFactor::Asked), Some(SecondFactor::NotAsked));
    let nothing = || json!({});
    assert_eq!(noted(SIGN_IN, "alex", nothing(), policy).await, Ok(asked));
    assert_eq!(noted(SIGN_IN, "plain", nothing(), policy).await, Ok(not_asked));
    for (source, more, expected) in [
        ("TokenGeneration_NewPasswordChallenge", nothing(), asked),
        ("TokenGeneration_HostedAuth", nothing(), asked),
        // Linked with another provider, by which this sign-in may have come.
        ("TokenGeneration_HostedAuth", json!({ "identities": "[]" }), not_asked),
        // A remembered device stands in for the factor.
        ("TokenGeneration_AuthenticateDevice", nothing(), not_asked),
        ("TokenGeneration_Future", nothing(), not_asked),
        ("TokenGeneration_RefreshTokens", nothing(), None),
    ] {
        assert_eq!(noted(source, "alex", more, policy).await, Ok(expected), "{source}");
    }
    for others in ["", "[admin]\ngroups = ['others']"] {
        assert_eq!(noted(SIGN_IN, "alex", nothing(), others).await, Ok(None));
        assert_eq!(noted(SIGN_IN, "down", nothing(), others).await, Ok(None), "the pool is not asked");
    }
    let unseen = noted(SIGN_IN, "down", nothing(), policy).await;
    assert_eq!(unseen, Err(Refusal::TemporarilyUnavailable), "no tokens that nobody saw");
}

/// At a client of custom challenges a code was entered, or only a device signed.
#[tokio::test]
async fn of_custom_challenges_a_code_counts_for_administrators() {
    let table = Arc::new(InMemoryTable::default());
    let challenges: Arc<dyn Challenges> = table.clone();
    let stage = CustomAuthStage::new(POLICY, &challenges);
    let policy = Policy::read(Some("[admin]\ngroups = ['admins']")).unwrap().admin;
    let witness = Witness::new(&policy, Arc::new(NoNatives), table.clone(), stage.clock.clone());
    let trigger = trigger(POLICY, &format!("custom={CUSTOM}"), &table, stage.clock.clone()).seen_by(witness);
    let alex = UserId::parse("alex").unwrap();
    let mut sign_in = CustomSignIn::without_password("alex", Some(&alex));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "sms").await;
    let code = stage.code().await.unwrap();
    sign_in.answer(&stage, &code).await;
    answer(&trigger, event("2", "TokenGeneration_Authentication", CUSTOM)).await.unwrap();
    let now = stage.clock.now();
    let noted = table.noted(&alex, now, now).await.unwrap();
    assert_eq!(noted.first().map(|noted| noted.second_factor), Some(SecondFactor::Asked));
}
