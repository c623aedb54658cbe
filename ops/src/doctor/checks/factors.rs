//! Multi-factor authentication, recovery and what they take from each other.

use serde_json::Value;

use super::one;
use crate::doctor::facts::Facts;
use crate::doctor::{Check, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "mfa-off",
        severity: Severity::Warning,
        why: "no user can have a second factor",
        mend: "cognito-mfa attach --mfa optional",
        reference: "docs/COGNITO.md, 4.1 Pool states",
        find: |facts| one(facts.mfa_state() == "OFF", "multi-factor authentication is off"),
    },
    Check {
        id: "no-authenticator",
        severity: Severity::Warning,
        why: "the MFA API sets up authenticator apps, and the pool takes none",
        mend: "cognito-mfa attach --mfa optional, or --mfa on",
        reference: "docs/COGNITO.md, 4.4 TOTP registration",
        find: |facts| {
            let enabled = facts.mfa("/SoftwareTokenMfaConfiguration/Enabled").and_then(Value::as_bool);
            one(facts.mfa_state() != "OFF" && enabled != Some(true), "software tokens are not enabled")
        },
    },
    Check {
        id: "recovery-is-the-factor",
        severity: Severity::Warning,
        why: "the channel that recovers passwords first is no second factor; who has no other address can't use it",
        mend: "recover by another channel first",
        reference: "docs/COGNITO.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| {
            let first = first_recovery(facts);
            let collides = match first {
                Some("verified_email") => facts.mfa("/EmailMfaConfiguration").is_some(),
                Some("verified_phone_number") => facts.mfa("/SmsMfaConfiguration").is_some(),
                _ => false,
            };
            one(collides, format!("{} recovers first and is a factor too", first.unwrap_or_default()))
        },
    },
    Check {
        id: "recovery-unset",
        severity: Severity::Warning,
        why: "Cognito then chooses the channel itself, text messages first, so that a phone number alone resets a password",
        mend: "set AccountRecoverySetting, verified_email first",
        reference: "docs/COGNITO.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| one(first_recovery(facts).is_none(), "the pool has no AccountRecoverySetting"),
    },
    Check {
        id: "plan-too-small",
        severity: Severity::Error,
        why: "the Lite plan has neither e-mail MFA nor claims in access tokens",
        mend: "set UserPoolTier to ESSENTIALS",
        reference: "docs/COGNITO.md, 9.4 Feature plans",
        find: |facts| {
            if facts.pool_text("/UserPoolTier") != Some("LITE") {
                return Vec::new();
            }
            let version = facts.pool_text("/LambdaConfig/PreTokenGenerationConfig/LambdaVersion");
            let mut found = one(facts.mfa("/EmailMfaConfiguration").is_some(), "e-mail MFA on the Lite plan");
            found.extend(one(
                version.is_some_and(|version| version != "V1_0"),
                "pre-token generation above V1_0 on the Lite plan",
            ));
            found
        },
    },
    Check {
        id: "plan-unused",
        severity: Severity::Warning,
        why: "what Plus costs more than Essentials is threat protection, and it is off",
        mend: "set UserPoolAddOns.AdvancedSecurityMode to AUDIT or ENFORCED, or UserPoolTier to ESSENTIALS",
        reference: "docs/COGNITO.md, 9.4 Feature plans",
        find: |facts| {
            one(
                facts.pool_text("/UserPoolTier") == Some("PLUS") && threat_mode(facts) == "OFF",
                "the Plus plan without threat protection",
            )
        },
    },
    Check {
        id: "threat-protection-cannot-ask",
        severity: Severity::Warning,
        why: "adaptive authentication asks for a second factor only where MFA is OPTIONAL",
        mend: "cognito-mfa attach --mfa optional",
        reference: "docs/COGNITO.md, 4.9 Threat protection",
        find: |facts| {
            let state = facts.mfa_state();
            one(
                threat_mode(facts) == "ENFORCED" && state != "OPTIONAL",
                format!("threat protection is enforced and MFA is {state}"),
            )
        },
    },
    Check {
        id: "threat-protection-passed-by",
        severity: Severity::Warning,
        why: "CUSTOM_AUTH sign-ins are not judged, and a client may use them",
        mend: "set AdvancedSecurityAdditionalFlows.CustomAuthMode",
        reference: "docs/COGNITO.md, 4.9 Threat protection",
        find: |facts| {
            let custom =
                facts.pool("/UserPoolAddOns/AdvancedSecurityAdditionalFlows/CustomAuthMode").is_some();
            let used = facts.clients().any(|client| client.has_flow("ALLOW_CUSTOM_AUTH"));
            one(
                threat_mode(facts) == "ENFORCED" && used && !custom,
                "custom sign-ins pass threat protection by",
            )
        },
    },
    Check {
        id: "device-remembered-silently",
        severity: Severity::Warning,
        why: "every device replaces the second factor from its first sign-in on, and nobody was asked",
        mend: "set DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt to true",
        reference: "docs/COGNITO.md, 5. Remembered devices",
        find: |facts| {
            let flag = |name: &str| {
                facts.pool(&format!("/DeviceConfiguration/{name}")).and_then(Value::as_bool) == Some(true)
            };
            let silent = flag("ChallengeRequiredOnNewDevice") && !flag("DeviceOnlyRememberedOnUserPrompt");
            one(silent, "devices are remembered without asking and replace the second factor")
        },
    },
    Check {
        id: "device-beside-custom",
        severity: Severity::Warning,
        why: "after our own challenges Cognito adds its device challenge, for which a custom client has no answer",
        mend: "switch device tracking off (no DeviceConfiguration), or give the custom client a pool of its own",
        reference: "docs/COGNITO.md, 5. Remembered devices",
        find: |facts| {
            if facts.pool("/DeviceConfiguration").is_none() {
                return Vec::new();
            }
            facts.clients_that("signs in by custom auth beside device tracking", |client| {
                client.has_flow("ALLOW_CUSTOM_AUTH") || client.has_flow("CUSTOM_AUTH_FLOW_ONLY")
            })
        },
    },
    Check {
        id: "fresh-factor-changes-impossible",
        severity: Severity::Error,
        why: "V1_0 of the trigger can't suppress scopes, so nobody's tokens are refreshed: users are signed out",
        mend: "set PreTokenGenerationConfig.LambdaVersion to V2_0 (cognito-mfa attach), or tokens.fresh_factor_changes to false",
        reference: "SECURITY.md, What a stolen token can do",
        find: |facts| {
            let wired = facts.triggers().contains_key("PreTokenGeneration");
            let version = facts.pool_text("/LambdaConfig/PreTokenGenerationConfig/LambdaVersion");
            one(
                facts.policy.tokens.fresh_factor_changes && wired && version.unwrap_or("V1_0") == "V1_0",
                "tokens.fresh_factor_changes beside a pre-token trigger of version V1_0",
            )
        },
    },
    Check {
        id: "code-life-told-wrong",
        severity: Severity::Warning,
        why: "messages say how long a sign-in code is valid, and Cognito takes it for another time",
        mend: "set messages.validity_minutes.authentication in policy.toml to the clients' AuthSessionValidity",
        reference: "docs/MESSAGES.md, Where your texts are",
        find: |facts| {
            let told = i64::from(facts.policy.messages.validity_minutes.authentication);
            let sentence =
                format!("keeps sign-ins open for another time than the {told} minutes in messages");
            facts.clients_that(&sentence, |client| {
                told != 0 && client.number("AuthSessionValidity").unwrap_or(3) != told
            })
        },
    },
];

fn threat_mode(facts: &Facts) -> &str {
    facts.pool_text("/UserPoolAddOns/AdvancedSecurityMode").unwrap_or("OFF")
}

fn first_recovery(facts: &Facts) -> Option<&str> {
    let mechanisms = facts.pool("/AccountRecoverySetting/RecoveryMechanisms")?.as_array()?;
    let first =
        mechanisms.iter().min_by_key(|mechanism| mechanism.get("Priority").and_then(Value::as_i64))?;
    first.get("Name")?.as_str()
}
