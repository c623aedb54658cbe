//! Multi-factor authentication, recovery and their conflicts.

use serde_json::Value;

use super::one;
use crate::doctor::facts::Facts;
use crate::doctor::{Check, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "mfa-off",
        severity: Severity::Warning,
        why: "no user can have a second factor",
        fix: "cognito-mfa attach --mfa optional",
        reference: "docs/reference/cognito.md, 4.1 Pool states",
        find: |facts| one(facts.mfa_state() == "OFF", "multi-factor authentication is off"),
    },
    Check {
        id: "no-authenticator",
        severity: Severity::Warning,
        why: "the MFA API sets up authenticator apps, but the pool does not accept them",
        fix: "cognito-mfa attach --mfa optional, or --mfa on",
        reference: "docs/reference/cognito.md, 4.4 TOTP registration",
        find: |facts| {
            let enabled = facts.mfa("/SoftwareTokenMfaConfiguration/Enabled").and_then(Value::as_bool);
            one(facts.mfa_state() != "OFF" && enabled != Some(true), "software tokens are not enabled")
        },
    },
    Check {
        id: "recovery-is-the-factor",
        severity: Severity::Warning,
        why: "Cognito does not use the first recovery channel as a second factor, so users without another address have none",
        fix: "choose another channel as the first recovery option",
        reference: "docs/reference/cognito.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| {
            let first = first_recovery(facts);
            let collides = match first {
                Some("verified_email") => facts.mfa("/EmailMfaConfiguration").is_some(),
                Some("verified_phone_number") => facts.mfa("/SmsMfaConfiguration").is_some(),
                _ => false,
            };
            one(
                collides,
                format!("{} is the first recovery option and also a factor", first.unwrap_or_default()),
            )
        },
    },
    Check {
        id: "recovery-unset",
        severity: Severity::Warning,
        why: "Cognito then prefers text messages, so a phone number alone can reset a password",
        fix: "set AccountRecoverySetting with verified_email first",
        reference: "docs/reference/cognito.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| one(first_recovery(facts).is_none(), "the pool has no AccountRecoverySetting"),
    },
    Check {
        id: "plan-too-small",
        severity: Severity::Error,
        why: "the Lite plan supports neither e-mail MFA nor claims in access tokens",
        fix: "set UserPoolTier to ESSENTIALS",
        reference: "docs/reference/cognito.md, 9.4 Feature plans",
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
        why: "Plus costs more than Essentials for threat protection, which is off",
        fix: "set UserPoolAddOns.AdvancedSecurityMode to AUDIT or ENFORCED, or UserPoolTier to ESSENTIALS",
        reference: "docs/reference/cognito.md, 9.4 Feature plans",
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
        why: "adaptive authentication asks for a second factor only if MFA is OPTIONAL",
        fix: "cognito-mfa attach --mfa optional",
        reference: "docs/reference/cognito.md, 4.9 Threat protection",
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
        why: "CUSTOM_AUTH sign-ins are not rated, and a client allows them",
        fix: "set AdvancedSecurityAdditionalFlows.CustomAuthMode",
        reference: "docs/reference/cognito.md, 4.9 Threat protection",
        find: |facts| {
            let custom =
                facts.pool("/UserPoolAddOns/AdvancedSecurityAdditionalFlows/CustomAuthMode").is_some();
            let used = facts.clients().any(|client| client.has_flow("ALLOW_CUSTOM_AUTH"));
            one(
                threat_mode(facts) == "ENFORCED" && used && !custom,
                "custom sign-ins bypass threat protection",
            )
        },
    },
    Check {
        id: "device-remembered-silently",
        severity: Severity::Warning,
        why: "every device replaces the second factor after its first sign-in, without the user's consent",
        fix: "set DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt to true",
        reference: "docs/reference/cognito.md, 5. Remembered devices",
        find: |facts| {
            let flag = |name: &str| {
                facts.pool(&format!("/DeviceConfiguration/{name}")).and_then(Value::as_bool) == Some(true)
            };
            let silent = flag("ChallengeRequiredOnNewDevice") && !flag("DeviceOnlyRememberedOnUserPrompt");
            one(silent, "devices are remembered without asking and then replace the second factor")
        },
    },
    Check {
        id: "device-beside-custom",
        severity: Severity::Warning,
        why: "Cognito adds its device challenge after the custom challenges, and custom clients cannot answer it",
        fix: "turn device tracking off (no DeviceConfiguration), or use another pool for the custom client",
        reference: "docs/reference/cognito.md, 5. Remembered devices",
        find: |facts| {
            if facts.pool("/DeviceConfiguration").is_none() {
                return Vec::new();
            }
            facts.clients_that("uses custom authentication while the pool tracks devices", |client| {
                client.has_flow("ALLOW_CUSTOM_AUTH") || client.has_flow("CUSTOM_AUTH_FLOW_ONLY")
            })
        },
    },
    Check {
        id: "fresh-factor-changes-impossible",
        severity: Severity::Error,
        why: "V1_0 of the trigger cannot suppress scopes, so tokens are never refreshed and users are signed out",
        fix: "set PreTokenGenerationConfig.LambdaVersion to V2_0 (cognito-mfa attach), or tokens.fresh_factor_changes to false",
        reference: "docs/security/model.md, What a stolen token can do",
        find: |facts| {
            let wired = facts.triggers().contains_key("PreTokenGeneration");
            let version = facts.pool_text("/LambdaConfig/PreTokenGenerationConfig/LambdaVersion");
            one(
                facts.policy.tokens.fresh_factor_changes && wired && version.unwrap_or("V1_0") == "V1_0",
                "tokens.fresh_factor_changes needs a later pre-token trigger version than V1_0",
            )
        },
    },
    Check {
        id: "code-validity-mismatch",
        severity: Severity::Warning,
        why: "messages state a validity for sign-in codes that differs from Cognito's",
        fix: "set messages.validity_minutes.authentication in policy.toml to the clients' AuthSessionValidity",
        reference: "docs/operators/messages.md, Your files",
        find: |facts| {
            let told = i64::from(facts.policy.messages.validity_minutes.authentication);
            let sentence =
                format!("keeps sign-ins open for a different time than the {told} minutes in messages");
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
