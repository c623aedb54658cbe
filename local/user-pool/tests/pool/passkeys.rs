//! Passkeys: registration, sign-in, and everything that is refused.

use local_user_pool::ErrorCode;
use serde_json::{Value, json};

use crate::support::bench::{access_token, merged};
use crate::support::passkey_device::{PasskeyDevice, RELYING_PARTY};
use crate::support::{Bench, PASSWORD, USERNAME};

pub(crate) async fn configure(bench: &Bench, state: &str, web_authn: Value) {
    let base = json!({"UserPoolId": bench.pool, "MfaConfiguration": state});
    let factors = json!({"SoftwareTokenMfaConfiguration": {"Enabled": true}});
    let web_authn = merged(json!({"RelyingPartyId": RELYING_PARTY}), web_authn);
    let input = merged(base, json!({"WebAuthnConfiguration": web_authn}));
    let input = if state == "OFF" { input } else { merged(input, factors) };
    bench.ok("SetUserPoolMfaConfig", input).await;
}

pub(crate) async fn passkey_bench(web_authn: Value) -> Bench {
    let allowed = json!(["PASSWORD", "WEB_AUTHN"]);
    let policies = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": allowed}}});
    let client = json!({"ExplicitAuthFlows": [
        "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
    ]});
    let bench = Bench::with(policies, client).await;
    configure(&bench, "OFF", web_authn).await;
    bench.add_user().await;
    bench
}

async fn options(bench: &Bench, token: &str) -> Value {
    let started = bench.ok("StartWebAuthnRegistration", json!({"AccessToken": token})).await;
    started["CredentialCreationOptions"].clone()
}

fn completion(token: &str, credential: &Value) -> Value {
    json!({"AccessToken": token, "Credential": credential})
}

pub(crate) async fn associate(bench: &Bench, token: &str) -> PasskeyDevice {
    let mut device = PasskeyDevice::new();
    let credential = device.create(&options(bench, token).await);
    bench.ok("CompleteWebAuthnRegistration", completion(token, &credential)).await;
    device
}

pub(crate) async fn ask(bench: &Bench) -> Value {
    let parameters = json!({"USERNAME": USERNAME, "PREFERRED_CHALLENGE": "WEB_AUTHN"});
    bench.initiate("USER_AUTH", parameters).await.unwrap()
}

pub(crate) fn request_options(challenge: &Value) -> Value {
    assert_eq!(challenge["ChallengeName"], "WEB_AUTHN", "{challenge}");
    let text = challenge["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"].as_str().unwrap();
    serde_json::from_str(text).unwrap()
}

pub(crate) async fn sign_in(
    bench: &Bench,
    device: &mut PasskeyDevice,
) -> Result<Value, local_user_pool::ApiError> {
    let challenge = ask(bench).await;
    let credential = device.get(&request_options(&challenge));
    bench.respond(&challenge, json!({"CREDENTIAL": credential})).await
}

pub(crate) async fn assert_refused(bench: &Bench, device: &mut PasskeyDevice, why: &str) {
    let refused = sign_in(bench, device).await.map(|answer| panic!("{why}: {answer}")).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::NotAuthorized, "Incorrect username or password."),
        "{why}"
    );
}

#[tokio::test]
async fn a_passkey_is_registered_listed_used_and_deleted() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    let offered = options(&bench, &token).await;
    assert_eq!(offered["rp"]["id"], RELYING_PARTY);
    assert_eq!(offered["user"]["name"], USERNAME);
    assert_eq!(offered["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(offered["authenticatorSelection"]["userVerification"], "preferred");
    let algorithms: Vec<_> = offered["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["alg"].as_i64().unwrap())
        .collect();
    assert_eq!(algorithms, [-7, -257]);

    let mut device = associate(&bench, &token).await;
    let listed = bench.ok("ListWebAuthnCredentials", json!({"AccessToken": token})).await;
    let passkey = &listed["Credentials"][0];
    assert_eq!(passkey["CredentialId"], device.id());
    assert_eq!(passkey["RelyingPartyId"], RELYING_PARTY);
    assert_eq!(passkey["AuthenticatorAttachment"], "platform");
    assert_eq!(passkey["AuthenticatorTransports"], json!(["hybrid", "internal"]));
    assert!(passkey["CreatedAt"].is_number() && passkey["FriendlyCredentialName"].is_string());
    let again = options(&bench, &token).await;
    assert_eq!(again["excludeCredentials"][0]["id"], device.id());
    let factors = bench.ok("GetUserAuthFactors", json!({"AccessToken": token})).await;
    assert_eq!(factors["ConfiguredUserAuthFactors"], json!(["PASSWORD", "WEB_AUTHN"]));

    let challenge = ask(&bench).await;
    let requested = request_options(&challenge);
    assert_eq!(requested["rpId"], RELYING_PARTY);
    assert_eq!(requested["allowCredentials"][0]["id"], device.id());
    for _ in 0..2 {
        access_token(&sign_in(&bench, &mut device).await.unwrap());
    }
    // By way of the choice.
    let choice = bench.initiate("USER_AUTH", json!({"USERNAME": USERNAME})).await.unwrap();
    assert_eq!(choice["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]));
    let challenge = bench.respond(&choice, json!({"ANSWER": "WEB_AUTHN"})).await.unwrap();
    let credential = device.get(&request_options(&challenge));
    access_token(&bench.respond(&challenge, json!({"CREDENTIAL": credential})).await.unwrap());

    let open = ask(&bench).await;
    let deletion = json!({"AccessToken": token, "CredentialId": device.id()});
    bench.ok("DeleteWebAuthnCredential", deletion.clone()).await;
    assert_eq!(bench.refused("DeleteWebAuthnCredential", deletion).await.0, ErrorCode::ResourceNotFound);
    let credential = device.get(&request_options(&open));
    let late = bench.respond(&open, json!({"CREDENTIAL": credential})).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::NotAuthorized, "a deleted passkey answers no open challenge");
    assert_eq!(ask(&bench).await["ChallengeName"], "SELECT_CHALLENGE");
}

/// Makes a device say something wrong.
type Spoil = fn(&mut PasskeyDevice);

#[tokio::test]
async fn registrations_that_prove_nothing_are_refused() {
    let bench = passkey_bench(json!({"UserVerification": "required"})).await;
    let token = bench.access_token().await;
    let cases: [(&str, Spoil, ErrorCode); 5] = [
        ("no user verification", |it| it.verifies_user = false, ErrorCode::WebAuthnCredentialNotSupported),
        ("origin", |it| it.origin = "https://example.org".into(), ErrorCode::WebAuthnOriginNotAllowed),
        ("HTTP", |it| it.origin = "http://example.com".into(), ErrorCode::WebAuthnOriginNotAllowed),
        (
            "a name that only ends alike",
            |it| it.origin = "https://notexample.com".into(),
            ErrorCode::WebAuthnOriginNotAllowed,
        ),
        (
            "relying party",
            |it| it.relying_party = "example.org".into(),
            ErrorCode::WebAuthnRelyingPartyMismatch,
        ),
    ];
    for (what, spoil, expected) in cases {
        let mut device = PasskeyDevice::new();
        spoil(&mut device);
        let offered = options(&bench, &token).await;
        let credential = device.create(&offered);
        let refused = bench.refused("CompleteWebAuthnRegistration", completion(&token, &credential)).await;
        assert_eq!(refused.0, expected, "{what}");
        // The challenge is used all the same.
        let mut honest = PasskeyDevice::new();
        let credential = honest.create(&offered);
        let refused = bench.refused("CompleteWebAuthnRegistration", completion(&token, &credential)).await;
        assert_eq!(refused.0, ErrorCode::WebAuthnChallengeNotFound, "{what}");
    }
    for nonsense in [json!({}), json!({"id": "x"}), json!({"response": {"clientDataJSON": "e30"}})] {
        let refused = bench.refused("CompleteWebAuthnRegistration", completion(&token, &nonsense)).await;
        assert_eq!(refused, (ErrorCode::InvalidParameter, "Credential data is not valid".to_owned()));
    }
    let listed = bench.ok("ListWebAuthnCredentials", json!({"AccessToken": token})).await;
    assert_eq!(listed["Credentials"], json!([]));
}

#[tokio::test]
async fn a_registration_belongs_to_its_user_client_and_time() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    let offered = options(&bench, &token).await;
    let credential = PasskeyDevice::new().create(&offered);

    let other = json!({
        "UserPoolId": bench.pool, "Username": "other", "MessageAction": "SUPPRESS",
        "UserAttributes": [{"Name": "email", "Value": "other@example.com"}],
    });
    bench.ok("AdminCreateUser", other).await;
    let password = json!({
        "UserPoolId": bench.pool, "Username": "other", "Password": PASSWORD, "Permanent": true,
    });
    bench.ok("AdminSetUserPassword", password).await;
    let parameters = json!({"USERNAME": "other", "PASSWORD": PASSWORD});
    let others = access_token(&bench.initiate("USER_PASSWORD_AUTH", parameters.clone()).await.unwrap());
    let refused = bench.refused("CompleteWebAuthnRegistration", completion(&others, &credential)).await;
    assert_eq!(refused.0, ErrorCode::WebAuthnChallengeNotFound, "another user");

    let client = bench.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})).await;
    let input = json!({
        "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": USERNAME, "PASSWORD": PASSWORD},
    });
    let elsewhere = access_token(&bench.ok("InitiateAuth", input).await);
    let refused = bench.refused("CompleteWebAuthnRegistration", completion(&elsewhere, &credential)).await;
    assert_eq!(refused.0, ErrorCode::WebAuthnClientMismatch, "another client");

    // Neither has used the challenge.
    bench.ok("CompleteWebAuthnRegistration", completion(&token, &credential)).await;
    let twice = bench.refused("CompleteWebAuthnRegistration", completion(&token, &credential)).await;
    assert_eq!(twice.0, ErrorCode::WebAuthnChallengeNotFound, "once");

    let late = PasskeyDevice::new().create(&options(&bench, &token).await);
    bench.advance(300);
    let refused = bench.refused("CompleteWebAuthnRegistration", completion(&token, &late)).await;
    assert_eq!(refused.0, ErrorCode::WebAuthnChallengeNotFound, "too late");
}

#[tokio::test]
async fn answers_that_prove_nothing_are_refused() {
    let bench = passkey_bench(json!({"UserVerification": "required"})).await;
    let token = bench.access_token().await;
    let mut device = associate(&bench, &token).await;
    access_token(&sign_in(&bench, &mut device).await.unwrap());

    device.verifies_user = false;
    assert_refused(&bench, &mut device, "no user verification").await;
    device.verifies_user = true;
    for origin in ["https://example.org", "http://example.com", "https://example.com.evil.org", "null"] {
        origin.clone_into(&mut device.origin);
        assert_refused(&bench, &mut device, origin).await;
    }
    device.origin = format!("https://{RELYING_PARTY}");
    device.relying_party = "example.org".to_owned();
    assert_refused(&bench, &mut device, "relying party").await;
    device.relying_party = RELYING_PARTY.to_owned();
    let handle = std::mem::replace(&mut device.handle, "00000000-0000-4000-8000-000000000000".to_owned());
    assert_refused(&bench, &mut device, "another user's handle").await;
    device.handle = handle;
    let mut strange = PasskeyDevice::new();
    device.handle.clone_into(&mut strange.handle);
    assert_refused(&bench, &mut strange, "a key that was never registered").await;

    // A copy that signed less often.
    let counter = device.counter;
    device.counter = 0;
    assert_refused(&bench, &mut device, "a lower counter").await;
    device.counts = false;
    device.counter = 1;
    assert_refused(&bench, &mut device, "the same counter again").await;
    (device.counts, device.counter) = (true, counter);
    access_token(&sign_in(&bench, &mut device).await.unwrap());
}

#[tokio::test]
async fn a_challenge_is_answered_once() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    let mut device = associate(&bench, &token).await;
    let challenge = ask(&bench).await;
    let credential = device.get(&request_options(&challenge));
    access_token(&bench.respond(&challenge, json!({"CREDENTIAL": credential})).await.unwrap());
    let again = bench.respond(&challenge, json!({"CREDENTIAL": credential})).await.unwrap_err();
    assert!(again.message.contains("only be used once"), "{}", again.message);

    // The recorded answer in a session of its own: another challenge.
    let other = ask(&bench).await;
    let replayed = bench.respond(&other, json!({"CREDENTIAL": credential})).await.unwrap_err();
    assert_eq!(replayed.message, "Incorrect username or password.");
    // A wrong answer has used that session too.
    let credential = device.get(&request_options(&other));
    let used = bench.respond(&other, json!({"CREDENTIAL": credential})).await.unwrap_err();
    assert!(used.message.contains("only be used once"), "{}", used.message);
}

#[tokio::test]
async fn a_subdomain_belongs_to_the_relying_party_and_localhost_needs_no_tls() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    let mut device = associate(&bench, &token).await;
    device.origin = "https://app.example.com:8443".to_owned();
    access_token(&sign_in(&bench, &mut device).await.unwrap());

    configure(&bench, "OFF", json!({"RelyingPartyId": "localhost"})).await;
    assert_eq!(ask(&bench).await["ChallengeName"], "SELECT_CHALLENGE", "the former passkey is orphaned");
    let mut local = PasskeyDevice::new();
    local.relying_party = "localhost".to_owned();
    local.origin = "http://localhost:5173".to_owned();
    let credential = local.create(&options(&bench, &token).await);
    bench.ok("CompleteWebAuthnRegistration", completion(&token, &credential)).await;
    access_token(&sign_in(&bench, &mut local).await.unwrap());
}

#[tokio::test]
async fn a_pool_without_passkeys_says_so() {
    let bench = Bench::new().await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let start = json!({"AccessToken": token});
    assert_eq!(
        bench.refused("StartWebAuthnRegistration", start.clone()).await.0,
        ErrorCode::WebAuthnNotEnabled
    );
    let allowed = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}});
    bench.ok("UpdateUserPool", json!({"UserPoolId": bench.pool, "Policies": allowed})).await;
    let refused = bench.refused("StartWebAuthnRegistration", start).await;
    assert_eq!(refused.0, ErrorCode::WebAuthnConfigurationMissing);
}

#[tokio::test]
async fn twenty_passkeys_are_enough() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    for _ in 0..20 {
        associate(&bench, &token).await;
    }
    let refused = bench.refused("StartWebAuthnRegistration", json!({"AccessToken": token})).await;
    assert_eq!(refused.0, ErrorCode::LimitExceeded);
    let mut ids = Vec::new();
    let mut next = Value::Null;
    loop {
        let input = json!({"AccessToken": token, "MaxResults": 7, "NextToken": next});
        let page = bench.ok("ListWebAuthnCredentials", input).await;
        ids.extend(page["Credentials"].as_array().unwrap().iter().map(|it| it["CredentialId"].clone()));
        next = page["NextToken"].clone();
        if next.is_null() {
            break;
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn passkeys_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = local_user_pool::StoreLocation::File(folder.path().join("pools.sqlite"));
    let mut bench = Bench::bare(file.clone()).await;
    let policies =
        json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}});
    bench.pool = bench.make_pool(policies).await;
    let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    bench.client = bench.make_client(flows).await;
    configure(&bench, "OFF", json!({})).await;
    bench.add_user().await;
    let token = bench.access_token().await;
    let mut device = associate(&bench, &token).await;
    access_token(&sign_in(&bench, &mut device).await.unwrap());
    let Bench { pool, client, .. } = bench;
    let bench = Bench { pool, client, ..Bench::bare(file).await };
    device.counter -= 1;
    assert_refused(&bench, &mut device, "the counter is kept").await;
    access_token(&sign_in(&bench, &mut device).await.unwrap());
}
