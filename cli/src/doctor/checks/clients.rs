//! The app clients.

use serde_json::Value;

use crate::doctor::{Check, Severity};
use crate::pool::Client;

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "user-existence-revealed",
        severity: Severity::Warning,
        why: "anyone can find out whether a user exists",
        fix: "cognito-mfa attach --hide-user-existence",
        reference: "docs/reference/cognito.md, 6.4 PreventUserExistenceErrors",
        find: |facts| {
            facts.clients_that("reveals whether a user exists", |client| {
                client.text("PreventUserExistenceErrors") != Some("ENABLED")
            })
        },
    },
    Check {
        id: "custom-client-mixed",
        severity: Severity::Error,
        why: "an attacker chooses the weakest flow: passwordless custom auth skips Cognito's MFA, and SRP skips the custom challenges",
        fix: "give custom authentication its own client with only ALLOW_CUSTOM_AUTH and ALLOW_REFRESH_TOKEN_AUTH",
        reference: "docs/reference/cognito.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| {
            facts.clients_that("allows custom authentication together with other flows", |client| {
                let others = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
                let flows = client.flows();
                flows.contains(&"ALLOW_CUSTOM_AUTH") && flows.iter().any(|flow| !others.contains(flow))
            })
        },
    },
    Check {
        id: "plain-passwords",
        severity: Severity::Warning,
        why: "the app sends the password itself; SRP proves it without sending it",
        fix: "remove ALLOW_USER_PASSWORD_AUTH",
        reference: "docs/reference/cognito.md, 3.3 Request parameters",
        find: |facts| {
            facts.clients_that("accepts plain passwords", |client| {
                let takes =
                    client.has_flow("ALLOW_USER_PASSWORD_AUTH") || client.has_flow("USER_PASSWORD_AUTH");
                takes && !client.only_checks_passwords()
            })
        },
    },
    Check {
        id: "refresh-fails",
        severity: Severity::Error,
        why: "with rotation on, Cognito refuses REFRESH_TOKEN_AUTH: apps that refresh that way sign their users out",
        fix: "remove ALLOW_REFRESH_TOKEN_AUTH, or turn RefreshTokenRotation off",
        reference: "docs/reference/cognito.md, 3.6 What combinations Cognito forbids or drops",
        find: |facts| {
            facts.clients_that("allows a refresh that rotation refuses", |client| {
                rotates(client) && client.has_flow("ALLOW_REFRESH_TOKEN_AUTH")
            })
        },
    },
    Check {
        id: "no-refresh",
        severity: Severity::Warning,
        why: "users must sign in again whenever the access token expires",
        fix: "add ALLOW_REFRESH_TOKEN_AUTH, or turn RefreshTokenRotation on",
        reference: "docs/reference/cognito.md, 3.8 Refresh",
        find: |facts| {
            facts.clients_that("has no way to refresh", |client| {
                let modern = client.flows().iter().any(|flow| flow.starts_with("ALLOW_"));
                let refreshes = rotates(client) || client.has_flow("ALLOW_REFRESH_TOKEN_AUTH");
                modern && !refreshes && !client.only_checks_passwords()
            })
        },
    },
    Check {
        id: "flow-names-old",
        severity: Severity::Warning,
        why: "with the old names, SRP and refresh are always allowed",
        fix: "use the names that begin with ALLOW_",
        reference: "docs/reference/cognito.md, 3.1 Enumerations",
        find: |facts| {
            facts.clients_that("uses the old names of authentication flows", |client| {
                client.flows().iter().any(|flow| !flow.starts_with("ALLOW_"))
            })
        },
    },
    Check {
        id: "no-revocation",
        severity: Severity::Warning,
        why: "a stolen refresh token can't be revoked",
        fix: "set EnableTokenRevocation to true",
        reference: "docs/reference/cognito.md, 3.8 Refresh",
        find: |facts| {
            facts.clients_that("cannot revoke tokens", |client| {
                client.get("/EnableTokenRevocation").and_then(Value::as_bool) == Some(false)
            })
        },
    },
    Check {
        id: "access-token-long",
        severity: Severity::Warning,
        why: "a stolen access token can change factors at Cognito until it expires",
        fix: "set AccessTokenValidity to an hour or less",
        reference: "docs/security/model.md, What a stolen token can do",
        find: |facts| {
            facts.clients_that("issues access tokens for more than an hour", |client| {
                client.validity("AccessTokenValidity", "AccessToken", "hours").is_some_and(|life| life > HOUR)
            })
        },
    },
    Check {
        id: "refresh-token-long",
        severity: Severity::Warning,
        why: "a lost device stays signed in for years",
        fix: "set RefreshTokenValidity to a year or less",
        reference: "docs/reference/cognito.md, 3.8 Refresh",
        find: |facts| {
            facts.clients_that("issues refresh tokens for more than a year", |client| {
                client
                    .validity("RefreshTokenValidity", "RefreshToken", "days")
                    .is_some_and(|life| life > YEAR)
            })
        },
    },
];

fn rotates(client: &Client<'_>) -> bool {
    client.get("/RefreshTokenRotation/Feature").and_then(Value::as_str) == Some("ENABLED")
}
