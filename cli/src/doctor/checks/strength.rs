//! The strength of sign-ins: password recovery, the policy, and app clients beside each other.

use mfa_core::assurance::PasswordRecovery;
use mfa_core::custom_auth::{AppClient, AppClients, Weakness, weaknesses};
use serde_json::Value;

use super::one;
use crate::check::meaning;
use crate::doctor::facts::Facts;
use crate::doctor::{Check, Severity};
use crate::pool::Client;
use crate::pool::function_of;

fn is_native(client: &Client<'_>) -> bool {
    client.signs_in_natively()
}

const GATE: &str = "PreTokenGeneration";
/// The custom client of the compiled-in policy. A deployment may lack such an app client.
const DEFAULT_CUSTOM: &str = "custom";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "gate-missing",
        severity: Severity::Error,
        why: "pre-token-generation is the last gate: without it, tokens have no claims, and a custom client needs no proof",
        fix: "cognito-mfa attach, and find out what removed the trigger (UpdateUserPool resets what a request leaves out)",
        reference: "docs/security/assurance.md, Evidence belongs to one sign-in",
        find: |facts| {
            let ours = facts.outputs.triggers.get(GATE);
            let wired = facts.triggers();
            let is_ours = ours
                .zip(wired.get(GATE))
                .is_some_and(|(ours, wired)| function_of(ours) == function_of(wired));
            one(!is_ours, "the pool issues tokens without this stack's pre-token-generation")
        },
    },
    Check {
        id: "password-recovery-differs",
        severity: Severity::Error,
        why: "the functions count a code to a channel that resets the password as a second factor: one mailbox or phone number is enough",
        fix: "deploy the stack with PasswordRecovery as the pool's AccountRecoverySetting has it",
        reference: "docs/security/assurance.md, Factors",
        find: |facts| {
            let (email, sms) = recovers_by(facts);
            let told = facts.variables("MFA_PASSWORD_RECOVERY").filter_map(|(trigger, value)| {
                let told = PasswordRecovery::parse(value)?;
                let untold = [("e-mail", email && !told.email), ("SMS", sms && !told.sms)];
                let untold: Vec<_> =
                    untold.into_iter().filter(|(_, untold)| *untold).map(|(name, _)| name).collect();
                (!untold.is_empty()).then(|| {
                    format!(
                        "{trigger} has MFA_PASSWORD_RECOVERY {value}, and the pool recovers passwords by {}",
                        untold.join(" and ")
                    )
                })
            });
            told.collect()
        },
    },
    Check {
        id: "recovery-channel-counts",
        severity: Severity::Warning,
        why: "a person with the mailbox alone resets the password and enters the code",
        fix: "set recovery_channel_counts to false in policy.toml",
        reference: "docs/security/assurance.md, Strength",
        find: |facts| weak(facts, Weakness::ChannelIsEnough),
    },
    Check {
        id: "sign-in-impossible",
        severity: Severity::Error,
        why: "a channel that resets the password does not count beside it, and the other kinds are fewer than factors",
        fix: "add \"totp\" to factor_kinds, or ask for fewer factors",
        reference: "docs/security/assurance.md, Strength",
        find: |facts| weak(facts, Weakness::NoWayIn),
    },
    Check {
        id: "first-factor-impossible",
        severity: Severity::Warning,
        why: "only users who set up an authenticator elsewhere can sign in at this client",
        fix: "set enrolment to \"at-sign-in\" and count \"totp\", or let users set one up at another custom client",
        reference: "docs/security/assurance.md, First enrolment",
        find: |facts| weak(facts, Weakness::NoFirstFactor),
    },
    Check {
        id: "authenticator-locks-out",
        severity: Severity::Warning,
        why: "codes by e-mail and SMS are no longer offered beside an authenticator, and what is left is not enough",
        fix: "set keep_weaker to true, or count \"totp\" and ask for one factor",
        reference: "docs/security/assurance.md, Strength",
        find: |facts| weak(facts, Weakness::AuthenticatorLocksOut),
    },
    Check {
        id: "native-beside-custom",
        severity: Severity::Warning,
        why: "users who never signed in at the custom client have one factor there: the password alone gets tokens",
        fix: "cognito-mfa attach --mfa on, or remove the native client; --except native-beside-custom if this is meant",
        reference: "docs/security/assurance.md, What this can't do",
        find: |facts| {
            let has_custom = facts.clients().any(|client| client.signs_in_by_challenges());
            if facts.mfa_state() == "ON" || !has_custom {
                return Vec::new();
            }
            let sentence =
                format!("signs in natively beside a custom client, and MFA is {}", facts.mfa_state());
            facts.clients_that(&sentence, is_native)
        },
    },
    Check {
        id: "one-time-code-first",
        severity: Severity::Warning,
        why: "one mailbox or phone number alone signs in a user without a factor of the pool",
        fix: "remove ALLOW_USER_AUTH, or EMAIL_OTP and SMS_OTP from Policies.SignInPolicy.AllowedFirstAuthFactors",
        reference: "docs/reference/cognito.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| {
            let first = facts.pool_list("/Policies/SignInPolicy/AllowedFirstAuthFactors");
            let codes: Vec<_> =
                first.into_iter().filter(|factor| ["EMAIL_OTP", "SMS_OTP"].contains(factor)).collect();
            if codes.is_empty() || facts.mfa_state() == "ON" {
                return Vec::new();
            }
            let sentence = format!("accepts {} as the first factor", codes.join(" and "));
            facts.clients_that(&sentence, |client| client.has_flow("ALLOW_USER_AUTH"))
        },
    },
    Check {
        id: "passkey-alone-signs-in",
        severity: Severity::Warning,
        why: "with a stolen access token, a person registers a passkey and signs in with it alone, as if with two factors",
        fix: "set WebAuthnConfiguration.FactorConfiguration to SINGLE_FACTOR, or remove ALLOW_USER_AUTH",
        reference: "docs/app-developers/passkeys.md, Cognito's own passkeys",
        find: |facts| {
            let factors = facts.mfa("/WebAuthnConfiguration/FactorConfiguration").and_then(Value::as_str);
            if factors != Some("MULTI_FACTOR_WITH_USER_VERIFICATION") {
                return Vec::new();
            }
            let first = facts.pool_list("/Policies/SignInPolicy/AllowedFirstAuthFactors");
            let is_offered = |client: &Client<'_>| client.has_flow("ALLOW_USER_AUTH");
            if !first.contains(&"WEB_AUTHN") {
                return Vec::new();
            }
            facts.clients_that("accepts a passkey for both factors", is_offered)
        },
    },
    Check {
        id: "app-client-unlisted",
        severity: Severity::Error,
        why: "the last gate refuses app clients that it does not know, so every sign-in there fails",
        fix: "add the client as NAME=ID to the parameter AppClients, or delete it",
        reference: "docs/operators/attach.md, Attach",
        find: |facts| {
            let Some(listed) = listed(facts) else { return Vec::new() };
            facts.clients_that("is not in MFA_APP_CLIENTS", |client| {
                client.signs_in() && listed.find(client.id).is_none()
            })
        },
    },
    Check {
        id: "app-client-kind-differs",
        severity: Severity::Error,
        why: "a client is custom exactly if policy.toml has its name under custom_auth.clients; otherwise its sign-ins fail",
        fix: "make the name in AppClients, custom_auth.clients in policy.toml and ExplicitAuthFlows agree",
        reference: "docs/operators/attach.md, Attach",
        find: |facts| {
            let Some(listed) = listed(facts) else { return Vec::new() };
            let kind = |client: &Client<'_>| listed.find(client.id);
            let mut found = facts.clients_that(
                "has custom challenges, and the policy does not know its name",
                |client| {
                    let only_custom = client.signs_in_by_challenges() && !client.signs_in_natively();
                    only_custom && kind(client) == Some(AppClient::Native)
                },
            );
            found.extend(facts.clients_that(
                "is custom in the policy, and has no custom challenges",
                |client| {
                    !client.signs_in_by_challenges() && matches!(kind(client), Some(AppClient::Custom(_)))
                },
            ));
            found
        },
    },
    Check {
        id: "policy-client-unlisted",
        severity: Severity::Warning,
        why: "the policy of this client has no effect",
        fix: "add the client as NAME=ID to the parameter AppClients, or remove it from policy.toml",
        reference: "docs/operators/attach.md, Attach",
        find: |facts| {
            let Some(listed) = listed(facts) else { return Vec::new() };
            let names = facts.policy.custom_auth.clients.keys();
            names
                .filter(|name| *name != DEFAULT_CUSTOM && !listed.names().any(|listed| listed == *name))
                .map(|name| format!("custom_auth.clients.{name} is not in MFA_APP_CLIENTS"))
                .collect()
        },
    },
];

/// Returns whether the pool recovers passwords by e-mail and by SMS. Without a setting Cognito uses both.
fn recovers_by(facts: &Facts) -> (bool, bool) {
    let mechanisms = facts.pool("/AccountRecoverySetting/RecoveryMechanisms").and_then(|all| all.as_array());
    let Some(mechanisms) = mechanisms.filter(|all| !all.is_empty()) else { return (true, true) };
    let has = |name: &str| {
        let mut names = mechanisms.iter().filter_map(|mechanism| mechanism.get("Name")?.as_str());
        names.any(|one| one == name)
    };
    (has("verified_email"), has("verified_phone_number"))
}

/// Returns the policy's weaknesses of one kind, with the recovery setting of the functions.
fn weak(facts: &Facts, kind: Weakness) -> Vec<String> {
    let told = facts.variables("MFA_PASSWORD_RECOVERY").find_map(|(_, value)| PasswordRecovery::parse(value));
    let all = weaknesses(&facts.policy.custom_auth, told.unwrap_or_default());
    let of_kind = all.into_iter().filter(|(_, weakness)| *weakness == kind);
    of_kind.map(|(key, weakness)| format!("{key}: {}", meaning(weakness))).collect()
}

/// Returns the app clients that the functions know, if their configuration could be read.
fn listed(facts: &Facts) -> Option<AppClients> {
    let (_, list) = facts.variables("MFA_APP_CLIENTS").next()?;
    AppClients::parse(list, &facts.policy.custom_auth).ok()
}
