//! Passkeys as MFA, and the settings that exclude each other.

use local_user_pool::ErrorCode;
use serde_json::json;

use crate::passkeys::{ask, assert_refused, associate, configure, passkey_bench, request_options, sign_in};
use crate::support::bench::{access_token, merged};
use crate::support::passkey_device::RELYING_PARTY;
use crate::support::{Bench, USERNAME, totp};

const MULTI: &str = "MULTI_FACTOR_WITH_USER_VERIFICATION";

async fn set_passkey_mfa(bench: &Bench, token: &str, enabled: bool) {
    let input = json!({"AccessToken": token, "WebAuthnMfaSettings": {"Enabled": enabled}});
    bench.ok("SetUserMFAPreference", input).await;
}

#[tokio::test]
async fn a_passkey_counts_as_mfa_where_pool_and_user_say_so() {
    for state in ["OPTIONAL", "ON"] {
        let bench = passkey_bench(json!({"FactorConfiguration": MULTI})).await;
        let token = bench.access_token().await;
        let mut device = associate(&bench, &token).await;
        configure(&bench, state, json!({"FactorConfiguration": MULTI})).await;
        let secret = bench.enrol_totp(&token).await;
        // The pool alone is not enough, nor is the passkey.
        assert_eq!(ask(&bench).await["ChallengeName"], "SELECT_CHALLENGE", "{state}");
        set_passkey_mfa(&bench, &token, true).await;
        let requested = request_options(&ask(&bench).await);
        assert_eq!(requested["userVerification"], "required", "though the pool prefers it only");
        access_token(&sign_in(&bench, &mut device).await.unwrap());

        device.verifies_user = false;
        assert_refused(&bench, &mut device, "no user verification").await;
        // A password still needs the second factor.
        let asked = bench.with_password().await.unwrap();
        assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA", "{state}");
        let code = totp(&secret, bench.seconds(), 1);
        access_token(&bench.respond(&asked, json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.unwrap());

        let user = bench.ok("GetUser", json!({"AccessToken": token})).await;
        assert_eq!(user["UserMFASettingList"], json!(["SOFTWARE_TOKEN_MFA"]));
        set_passkey_mfa(&bench, &token, false).await;
        assert_eq!(ask(&bench).await["ChallengeName"], "SELECT_CHALLENGE", "{state}");
    }
}

#[tokio::test]
async fn passkey_mfa_needs_the_pool_and_another_method() {
    let bench = passkey_bench(json!({})).await;
    let token = bench.access_token().await;
    associate(&bench, &token).await;
    configure(&bench, "OPTIONAL", json!({})).await;
    bench.enrol_totp(&token).await;
    let switch_on = json!({"AccessToken": token, "WebAuthnMfaSettings": {"Enabled": true}});
    assert_eq!(bench.refused("SetUserMFAPreference", switch_on.clone()).await.0, ErrorCode::InvalidParameter);

    configure(&bench, "OPTIONAL", json!({"FactorConfiguration": MULTI})).await;
    let totp_off = json!({"SoftwareTokenMfaSettings": {"Enabled": false}});
    bench.ok("SetUserMFAPreference", merged(json!({"AccessToken": token}), totp_off.clone())).await;
    assert_eq!(bench.refused("SetUserMFAPreference", switch_on.clone()).await.0, ErrorCode::InvalidParameter);
    let both =
        merged(switch_on, json!({"SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}}));
    bench.ok("SetUserMFAPreference", both).await;
    let administrator = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let refused =
        bench.refused("AdminSetUserMFAPreference", merged(administrator.clone(), totp_off.clone())).await;
    assert_eq!(refused.0, ErrorCode::InvalidParameter, "the last other method stays");
    let all_off = merged(totp_off, json!({"WebAuthnMfaSettings": {"Enabled": false}}));
    bench.ok("AdminSetUserMFAPreference", merged(administrator, all_off)).await;
}

#[tokio::test]
async fn settings_that_exclude_each_other_are_refused_as_aws_does() {
    let bench = passkey_bench(json!({})).await;
    let totp_on = json!({
        "UserPoolId": bench.pool, "SoftwareTokenMfaConfiguration": {"Enabled": true},
        "WebAuthnConfiguration": {"RelyingPartyId": RELYING_PARTY},
    });
    let required = merged(totp_on.clone(), json!({"MfaConfiguration": "ON"}));
    let (code, text) = bench.refused("SetUserPoolMfaConfig", required).await;
    assert_eq!(code, ErrorCode::InvalidParameter);
    assert_eq!(
        text,
        "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor"
    );
    bench.ok("SetUserPoolMfaConfig", merged(totp_on, json!({"MfaConfiguration": "OPTIONAL"}))).await;
    let alone = json!({
        "UserPoolId": bench.pool, "MfaConfiguration": "OPTIONAL",
        "WebAuthnConfiguration": {"RelyingPartyId": RELYING_PARTY},
    });
    let (_, text) = bench.refused("SetUserPoolMfaConfig", alone).await;
    assert!(text.contains("SMS MFA, Email MFA, or Software Token MFA must be enabled"), "{text}");

    configure(&bench, "ON", json!({"FactorConfiguration": MULTI})).await;
    let policy = |factors: &[&str]| {
        json!({
            "UserPoolId": bench.pool, "MfaConfiguration": "ON",
            "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": factors}},
        })
    };
    bench.ok("UpdateUserPool", policy(&["PASSWORD", "WEB_AUTHN"])).await;
    for factors in [&["PASSWORD", "EMAIL_OTP"][..], &["WEB_AUTHN"], &["PASSWORD", "SOFTWARE_TOKEN"]] {
        let refused = bench.refused("UpdateUserPool", policy(factors)).await;
        assert_eq!(refused.0, ErrorCode::InvalidParameter, "{factors:?}");
    }
    bench.ok("UpdateUserPool", policy(&["PASSWORD"])).await;
    configure(&bench, "ON", json!({})).await;
    let (_, text) = bench.refused("UpdateUserPool", policy(&["PASSWORD", "WEB_AUTHN"])).await;
    assert_eq!(
        text,
        "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA."
    );
    let lite = merged(
        policy(&["PASSWORD", "WEB_AUTHN"]),
        json!({"UserPoolTier": "LITE", "MfaConfiguration": "OFF"}),
    );
    assert_eq!(bench.refused("UpdateUserPool", lite).await.0, ErrorCode::FeatureUnavailableInTier);
    let domain = json!({
        "UserPoolId": bench.pool, "WebAuthnConfiguration": {"RelyingPartyId": "not a domain"},
    });
    assert_eq!(bench.refused("SetUserPoolMfaConfig", domain).await.0, ErrorCode::InvalidParameter);
}
