//! Every pool that the template's own parameters can make, and the settings that the functions get for it.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::collections::{BTreeMap, BTreeSet};

use end_to_end::{stacks, workspace};
use local::template::{Account, Deployment, Function, Given, Template};
use mfa_core::assurance::{PasswordRecovery, level};
use mfa_core::config::{
    Policy,
    policy::{EnrolmentPolicy, FirstStep},
};
use mfa_core::custom_auth::{AppClient, AppClients, Proven, Requirements};
use mfa_core::kernel::CustomFactor;
use serde_json::Value as Json;

const ACCOUNT: Account = Account { region: "us-east-1", id: "111122223333" };
/// The parameters that decide the kind of pool. A rule of the template asks for an identity as well.
const KINDS: [&str; 5] = ["SignInWith", "Plan", "Mfa", "MfaMessages", "RememberDevices"];
const IDENTITY: &str = "EmailIdentityArn";

type Parameters = BTreeMap<String, String>;

/// Returns every combination of allowed values, with and without an identity.
fn choices() -> Vec<Parameters> {
    let root = stacks().unwrap().into_iter().find(|stack| stack.name == "template").unwrap();
    let fixed = [("FunctionPrefix", ""), ("EmailFrom", "no-reply@a.example")];
    let mut all: Vec<Parameters> =
        vec![fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into()];
    let mut choose = |name: &str, values: Vec<String>| {
        all = all
            .iter()
            .flat_map(|choice| {
                values.iter().map(|value| {
                    let mut choice = choice.clone();
                    choice.insert(name.to_owned(), value.clone());
                    choice
                })
            })
            .collect();
    };
    for name in KINDS {
        let (_, parameter) = root.section("Parameters").find(|(id, _)| *id == name).unwrap();
        let values = parameter.get("AllowedValues").and_then(|values| values.as_sequence()).unwrap();
        choose(name, values.iter().map(|value| value.as_str().unwrap().to_owned()).collect());
    }
    choose(IDENTITY, vec![String::new(), "arn:aws:ses:us-east-1:111122223333:identity/a.example".to_owned()]);
    all
}

fn deploy(template: &Template, parameters: &Parameters) -> Deployment {
    let mut given = Given::default();
    for id in template.user_pools() {
        given.refer(&id, "us-east-1_Own");
    }
    for (id, name) in template.app_clients() {
        given.refer(&id, &id_of(&name));
        given.attribute(&id, "ClientSecret", "hush");
    }
    for id in template.secrets() {
        given.secret(&id, "generated");
    }
    template.resolve(ACCOUNT, parameters, &mut given).unwrap()
}

/// Returns the id of an app client here.
fn id_of(name: &str) -> String {
    format!("1{name}")
}

fn texts(value: &Json, pointer: &str) -> BTreeSet<String> {
    let items = value.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Returns the one value that all functions with a variable have, and their names.
fn told<'a>(functions: &'a [Function], variable: &str) -> (&'a str, BTreeSet<&'a str>) {
    let told = functions.iter().filter_map(|one| Some((one.name.as_str(), one.environment.get(variable)?)));
    let (names, values): (BTreeSet<_>, BTreeSet<_>) =
        told.map(|(name, value)| (name, value.as_str())).unzip();
    assert_eq!(values.len(), 1, "{variable}: {values:?}");
    (values.into_iter().next().unwrap(), names)
}

/// Returns the channels by which the pool itself recovers passwords.
fn recovery_of(pool: &Json) -> PasswordRecovery {
    let mechanisms = pool.pointer("/AccountRecoverySetting/RecoveryMechanisms").and_then(Json::as_array);
    let names: BTreeSet<_> =
        mechanisms.unwrap().iter().map(|mechanism| mechanism["Name"].as_str().unwrap()).collect();
    PasswordRecovery { email: names.contains("verified_email"), sms: names.contains("verified_phone_number") }
}

fn proven(password: bool, own: &[CustomFactor]) -> Proven {
    Proven { password, custom: own.iter().copied().collect(), ..Proven::default() }
}

/// Checks that a user with only a verified e-mail address can sign in, and that a channel alone is not
/// enough.
fn assert_sign_in(requirements: &Requirements, recovery: PasswordRecovery, case: &str) {
    assert_eq!(requirements.first_step, FirstStep::Password, "{case}: a code alone begins nothing");
    let (password, mailbox) = (proven(true, &[]), [CustomFactor::EmailCode].into());
    let with_authenticator = [CustomFactor::EmailCode, CustomFactor::Totp].into();
    let enrols = requirements.enrolment == EnrolmentPolicy::AtSignIn
        && requirements.can_be_met(&with_authenticator, &password)
        && requirements.are_met(&Proven { enrolled: true, ..proven(true, &[CustomFactor::EmailCode]) });
    assert!(requirements.can_be_met(&mailbox, &password) || enrols, "{case}: no way in by e-mail");
    assert!(requirements.are_met(&proven(true, &[CustomFactor::Totp])), "{case}: and the next time");
    for channel in [CustomFactor::EmailCode, CustomFactor::SmsCode] {
        // A thief with the channel has the password only if the channel resets it.
        let stolen = proven(recovery.resets_by(channel), &[channel]);
        assert_eq!(level(&stolen.proofs(), recovery), 1, "{case}: {channel:?}");
        let is_in = stolen.password && requirements.are_met(&stolen);
        assert!(!is_in, "{case}: {channel:?} alone is enough");
    }
}

#[test]
fn every_pool_separates_recovery_and_second_factor() {
    let template = Template::read(&workspace().join("infra/template.yaml")).unwrap();
    let policy = Policy::default().custom_auth;
    let (mut deployed, mut refused, mut recoveries) = (0, 0, BTreeSet::new());
    for parameters in choices() {
        let chosen = |name: &str| parameters[name].as_str();
        let case = format!("{parameters:?}");
        let is_refused =
            chosen("MfaMessages") == "email" && (chosen("Plan") == "LITE" || chosen(IDENTITY).is_empty());
        let refusals = template.refusals(ACCOUNT, &parameters).unwrap();
        assert_eq!(!refusals.is_empty(), is_refused, "{case}: {refusals:?}");
        if is_refused {
            refused += 1;
            continue;
        }
        let deployment = deploy(&template, &parameters);
        let pool = &deployment.user_pools["UserPool"];

        let (variable, readers) = told(&deployment.functions, "MFA_PASSWORD_RECOVERY");
        let recovery = PasswordRecovery::parse(variable).unwrap();
        assert_eq!(recovery, recovery_of(pool), "{case}: {variable}");
        let (list, members) = told(&deployment.functions, "MFA_APP_CLIENTS");
        assert_eq!(readers, members, "{case}: a function reads both");

        let factors = texts(pool, "/EnabledMfas");
        assert!(!(recovery.email && factors.contains("EMAIL_OTP")), "{case}: {factors:?}");
        assert!(!(recovery.sms && factors.contains("SMS_MFA")), "{case}: {factors:?}");
        assert_eq!(factors.is_empty(), chosen("Mfa") == "OFF", "{case}: {factors:?}");

        let clients = AppClients::parse(list, &policy).unwrap();
        let (recovery_client, _) = told(&deployment.functions, "MFA_RECOVERY_CLIENT");
        for client in deployment.app_clients.values() {
            let name = client["ClientName"].as_str().unwrap();
            let id = id_of(name);
            // The client that checks passwords for recoveries gets no tokens, so it must not be listed.
            assert_eq!(clients.find(&id).is_none(), id == recovery_client, "{case}: {name}");
            let flows = texts(client, "/ExplicitAuthFlows");
            let Some(AppClient::Custom(rules)) = clients.find(&id) else {
                assert!(!flows.contains("ALLOW_CUSTOM_AUTH"), "{case}: {name}");
                continue;
            };
            assert_eq!(name, "custom", "{case}");
            let expected = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"].map(str::to_owned);
            assert_eq!(flows, expected.into(), "{case}");
            assert_sign_in(&Requirements::new(rules, [], recovery), recovery, &case);
        }
        assert_eq!(clients.custom().count(), 1, "{case}");
        recoveries.insert(variable.to_owned());
        deployed += 1;
    }
    assert_eq!(recoveries, ["email", "sms"].map(str::to_owned).into(), "both branches were seen");
    println!(
        "pool parameters: {} combinations, {deployed} deployed, {refused} refused by rules",
        deployed + refused
    );
}
