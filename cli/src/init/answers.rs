//! The answers to the five questions, their validation, and the parameters that they set.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use mfa_core::delivery::toll_fraud::Country;

use super::files::{Configuration, PolicyFile};
use super::questions::Asker;
use crate::sender;

/// The answer for a pool that the stack creates.
const NEW_POOL: &str = "new";
const EVERY_COUNTRY: &str = "all";
const SIGN_IN_NAMES: [&str; 3] = ["email", "phone", "username"];
const RECOVERIES: [&str; 4] = ["email", "sms", "email,sms", "none"];
/// The template's example, which a deployment refuses.
const EXAMPLE_SENDER: &str = "no-reply@example.com";

/// Answers from the command line. On a terminal, the command asks for the absent ones.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Given {
    /// Answer 1: the sender of e-mails, an address of a verified SES identity
    #[arg(long, value_name = "SENDER")]
    pub(super) email_from: Option<String>,
    /// Answer 2: `new`, or the id of an existing user pool
    #[arg(long, value_name = "new|ID")]
    pub(super) user_pool: Option<String>,
    /// With an existing pool: its app clients that get tokens
    #[arg(long, value_name = "NAME=ID,…")]
    pub(super) app_clients: Option<String>,
    /// Answer 3 for a new pool: what users sign in with
    #[arg(long, value_name = "email|phone|username")]
    pub(super) sign_in_with: Option<String>,
    /// Answer 3 for an existing pool: the channels that reset passwords
    #[arg(long, value_name = "email|sms|email,sms|none")]
    pub(super) password_recovery: Option<String>,
    /// Answer 4: the countries that get text messages, as ISO 3166 codes; `all` for every country
    #[arg(long, value_name = "DE,AT,…")]
    pub(super) countries: Option<String>,
    /// Answer 5: the origins of web apps that call the API; `none` for no web app
    #[arg(long, value_name = "https://…,…")]
    pub(super) origins: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pool {
    New { sign_in_with: String },
    Existing { id: String, app_clients: String, password_recovery: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answers {
    sender: String,
    pool: Pool,
    pub(super) countries: Vec<String>,
    origins: Vec<String>,
}

impl Answers {
    /// Returns the values that the files have, in the notation of the command line. They are the proposed
    /// answers.
    pub(super) fn present(configuration: &Configuration, policy: &PolicyFile) -> Given {
        let value = |name: &str| configuration.get(name).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| Some(value(name).unwrap_or_else(|| default.to_owned()));
        Given {
            email_from: value("EmailFrom").filter(|sender| sender != EXAMPLE_SENDER),
            user_pool: or("UserPoolId", NEW_POOL),
            app_clients: value("AppClients"),
            sign_in_with: or("SignInWith", "email"),
            password_recovery: or("PasswordRecovery", "email,sms"),
            countries: policy.countries().map(|codes| match codes.as_slice() {
                [] => EVERY_COUNTRY.to_owned(),
                codes => codes.join(","),
            }),
            origins: or("AllowedOrigins", "none"),
        }
    }

    /// Returns the template's parameters that the answers set.
    ///
    /// `EmailFrom` has the form that the roles compare. A new pool empties the parameters of the pool that was
    /// `configured` before: a deployment keeps the value of an absent parameter.
    pub(super) fn parameters(&self, configured: &Configuration) -> Vec<(&'static str, String)> {
        let mut all = vec![("EmailFrom", self.sender.clone()), ("AllowedOrigins", self.origins.join(","))];
        match &self.pool {
            Pool::New { sign_in_with } => {
                all.push(("SignInWith", sign_in_with.clone()));
                if configured.get("UserPoolId").is_some_and(|id| !id.is_empty()) {
                    let of_pool = ["UserPoolId", "AppClients", "AppClientIds"];
                    all.extend(of_pool.map(|name| (name, String::new())));
                }
            }
            Pool::Existing { id, app_clients, password_recovery } => {
                all.extend([
                    ("UserPoolId", id.clone()),
                    ("AppClients", app_clients.clone()),
                    ("AppClientIds", client_ids(app_clients, configured)),
                    ("PasswordRecovery", password_recovery.clone()),
                ]);
            }
        }
        all
    }

    /// Returns the commands that follow.
    pub(super) fn next_steps(&self, infra: &Path, environment: &str) -> String {
        let environment = if environment == "prod" { String::new() } else { format!(" --env {environment}") };
        let attach = match &self.pool {
            Pool::New { .. } => String::new(),
            Pool::Existing { id, .. } => format!(
                "\n  cognito-mfa attach --user-pool-id {id} --stack-outputs outputs.json --record attached.json \
                 --dry-run"
            ),
        };
        format!(
            "Next:\n  cognito-mfa check {}\n  cognito-mfa deploy{environment} --dry-run\n  cognito-mfa \
             deploy{environment}{attach}\ndocs/operators/deploy.md names what a deployment needs, and \
             docs/operators/cost.md what it costs.",
            infra.join("overrides/cognito-mfa").display()
        )
    }
}

impl Given {
    /// Asks for each answer that the command line does not give, and proposes the present value.
    pub(super) fn ask(&self, present: &Self, asker: &mut impl Asker) -> Result<Answers> {
        let mut one =
            |given: &Option<String>, proposed: &Option<String>, question: &str, validate: Validation| {
                match given {
                    Some(given) => validate(given).map(|()| given.clone()),
                    None => asker.answer(question, proposed.as_deref(), validate),
                }
            };
        let email_from = one(
            &self.email_from,
            &present.email_from,
            "1 of 5  Sender of e-mails (an address of a verified SES identity)",
            sender_is_valid,
        )?;
        let user_pool = one(
            &self.user_pool,
            &present.user_pool,
            "2 of 5  User pool (new, or the id of an existing pool)",
            pool_is_valid,
        )?;
        let mut all = Self { email_from: Some(email_from), ..self.clone() };
        if user_pool == NEW_POOL {
            all.sign_in_with = Some(one(
                &self.sign_in_with,
                &present.sign_in_with,
                "3 of 5  What users sign in with (email, phone or username; it cannot change later)",
                |answer| one_of(answer, &SIGN_IN_NAMES),
            )?);
        } else {
            all.app_clients = Some(one(
                &self.app_clients,
                &present.app_clients,
                "        App clients of this pool that get tokens (NAME=ID,NAME=ID)",
                clients_are_valid,
            )?);
            all.password_recovery = Some(one(
                &self.password_recovery,
                &present.password_recovery,
                "3 of 5  Channels that reset passwords in this pool (email, sms, email,sms or none)",
                |answer| one_of(answer, &RECOVERIES),
            )?);
        }
        all.user_pool = Some(user_pool);
        all.countries = Some(one(
            &self.countries,
            &present.countries,
            "4 of 5  Countries that get text messages (ISO 3166 codes such as DE,AT, or all)",
            |answer| countries(answer).map(drop),
        )?);
        all.origins = Some(one(
            &self.origins,
            &present.origins,
            "5 of 5  Origins of your web apps (such as https://app.example.com, or none)",
            |answer| origins(answer).map(drop),
        )?);
        all.complete(&Self::default())
    }

    /// Returns the answers without a terminal. Present values complete the command line.
    ///
    /// Fails if an answer is invalid, or absent in both. Names the flag.
    pub(super) fn complete(&self, present: &Self) -> Result<Answers> {
        let answer = |flag: &str, given: &Option<String>, present: &Option<String>, validate: Validation| {
            let answer = given.as_ref().or(present.as_ref());
            let answer =
                answer.with_context(|| format!("this is not a terminal, so pass the answer: {flag}"))?;
            validate(answer).with_context(|| flag.to_owned())?;
            Ok::<_, anyhow::Error>(answer.clone())
        };
        let sender = answer("--email-from", &self.email_from, &present.email_from, sender_is_valid)?;
        let pool = answer("--user-pool", &self.user_pool, &present.user_pool, pool_is_valid)?;
        let pool = if pool == NEW_POOL {
            ensure!(self.app_clients.is_none(), "--app-clients belongs to an existing pool");
            ensure!(self.password_recovery.is_none(), "--password-recovery belongs to an existing pool");
            let validate: Validation = |answer| one_of(answer, &SIGN_IN_NAMES);
            let sign_in_with = answer("--sign-in-with", &self.sign_in_with, &present.sign_in_with, validate)?;
            Pool::New { sign_in_with }
        } else {
            ensure!(self.sign_in_with.is_none(), "--sign-in-with belongs to a new pool");
            let validate: Validation = |answer| one_of(answer, &RECOVERIES);
            Pool::Existing {
                id: pool,
                app_clients: answer(
                    "--app-clients",
                    &self.app_clients,
                    &present.app_clients,
                    clients_are_valid,
                )?,
                password_recovery: answer(
                    "--password-recovery",
                    &self.password_recovery,
                    &present.password_recovery,
                    validate,
                )?,
            }
        };
        let validate: Validation = |answer| countries(answer).map(drop);
        let listed = answer("--countries", &self.countries, &present.countries, validate)?;
        let validate: Validation = |answer| origins(answer).map(drop);
        let pages = answer("--origins", &self.origins, &present.origins, validate)?;
        Ok(Answers {
            sender: sender::normal(&sender)?,
            pool,
            countries: countries(&listed)?,
            origins: origins(&pages)?,
        })
    }
}

/// Returns the ids of `app_clients`, then the configured ids that the operator added beside the configured
/// `AppClients`. The id of a client that is no longer listed goes.
fn client_ids(app_clients: &str, configured: &Configuration) -> String {
    let ids_in = |clients: &str| -> Vec<String> {
        clients.split(',').filter_map(|client| Some(client.split_once('=')?.1.to_owned())).collect()
    };
    let value = |name: &str| configured.get(name).unwrap_or_default();
    let (mut ids, listed_before) = (ids_in(app_clients), ids_in(&value("AppClients")));
    for id in value("AppClientIds").split(',').filter(|id| !id.is_empty()) {
        if !listed_before.iter().any(|listed| listed == id) && !ids.iter().any(|listed| listed == id) {
            ids.push(id.to_owned());
        }
    }
    ids.join(",")
}

/// Returns an error if an answer is invalid.
pub(super) type Validation = fn(&str) -> Result<()>;

fn sender_is_valid(answer: &str) -> Result<()> {
    ensure!(sender::normal(answer)? != EXAMPLE_SENDER, "{EXAMPLE_SENDER} is only an example");
    Ok(())
}

fn pool_is_valid(answer: &str) -> Result<()> {
    let is_part = |part: &str, also: &[char]| {
        !part.is_empty()
            && part.chars().all(|character| character.is_ascii_alphanumeric() || also.contains(&character))
    };
    let is_id = answer
        .split_once('_')
        .is_some_and(|(region, name)| is_part(region, &['-']) && region.contains('-') && is_part(name, &[]));
    ensure!(answer == NEW_POOL || is_id, "{answer}: write new, or an id such as eu-west-1_aBcD12345");
    Ok(())
}

fn clients_are_valid(answer: &str) -> Result<()> {
    for client in answer.split(',') {
        let (name, id) = client.split_once('=').with_context(|| format!("{client}: not NAME=ID"))?;
        ensure!(!name.is_empty() && !id.is_empty(), "{client}: not NAME=ID");
        ensure!(
            id.chars().all(|character| character.is_ascii_alphanumeric() || "+_".contains(character)),
            "{id} is no id of an app client"
        );
    }
    Ok(())
}

fn one_of(answer: &str, values: &[&str]) -> Result<()> {
    ensure!(values.contains(&answer), "{answer}: write one of {}", values.join(", "));
    Ok(())
}

/// Parses a list of ISO 3166 codes in letters of any case. `all` is the empty list, as in the policy.
fn countries(answer: &str) -> Result<Vec<String>> {
    if answer == EVERY_COUNTRY {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for code in answer.split(',').map(|code| code.trim().to_ascii_uppercase()) {
        ensure!(Country::parse(&code).is_ok(), "{code:?} is not a country that has phone numbers");
        if !all.contains(&code) {
            all.push(code);
        }
    }
    Ok(all)
}

/// Parses a list of origins (RFC 6454). Only a loopback host may have `http`. `none` is the empty list.
fn origins(answer: &str) -> Result<Vec<String>> {
    if answer == "none" {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for origin in answer.split(',').map(str::trim) {
        let parsed: http::Uri = origin.parse().with_context(|| format!("{origin:?} is no origin"))?;
        let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
            bail!("{origin:?} is no origin: write https://HOST");
        };
        let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host());
        ensure!(
            scheme == "https" || scheme == "http" && is_loopback,
            "{origin}: an origin begins with https://, or with http:// on localhost"
        );
        ensure!(
            format!("{scheme}://{authority}") == origin,
            "{origin}: an origin ends after the host and port"
        );
        all.push(origin.to_owned());
    }
    Ok(all)
}
